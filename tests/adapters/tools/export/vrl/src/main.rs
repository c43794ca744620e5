//! Runs a program of the Vector Remap Language on the bodies of log events: JSON in, JSON out.

use std::collections::BTreeMap;
use std::io::stdin;

use vrl::compiler::{compile, Context, TargetValue, TimeZone};
use vrl::value::{KeyString, Secrets, Value};

#[derive(serde::Deserialize)]
struct Given {
    program: String,
    bodies: Vec<String>,
}

fn main() {
    let given: Given = serde_json::from_reader(stdin()).expect("a program and bodies");
    let compiled = compile(&given.program, &vrl::stdlib::all()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let found: Vec<Value> = given.bodies.iter().map(|body| run(&compiled.program, body)).collect();
    println!("{}", serde_json::to_string(&found).expect("values"));
}

/// Returns the event that the program makes of one body.
fn run(program: &vrl::compiler::Program, body: &str) -> Value {
    let event = BTreeMap::from([(KeyString::from("message"), Value::from(body))]);
    let mut target = TargetValue { value: Value::Object(event), metadata: Value::Object(BTreeMap::new()), secrets: Secrets::new() };
    let mut state = vrl::compiler::state::RuntimeState::default();
    let timezone = TimeZone::default();
    let mut context = Context::new(&mut target, &mut state, &timezone);
    program.resolve(&mut context).expect("a program that does not fail");
    target.value
}
