//! Makes async-nats fail in one situation and prints what it says, one JSON object a line.

use async_nats::jetstream::{self, consumer::pull, kv, stream};
use async_nats::{Client, ConnectOptions, Event};
use futures_util::StreamExt;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

fn say(form: &str, text: &str) {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    println!("{{\"form\": \"{form}\", \"text\": \"{out}\"}}");
}

/// Prints an error as Display, as Debug, as `main` prints what it returns, and as a log line with its causes.
fn fail<E: Display + Debug + AsSource>(doing: &str, error: &E) {
    say("message", &error.to_string());
    say("inspected", &format!("Error: {error:?}"));
    let mut line = format!("2026-01-01T00:00:00.000000Z ERROR service: could not {doing}: {error}");
    let mut cause = error.as_source();
    while let Some(inner) = cause {
        line.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    say("logged", &line);
}

trait AsSource {
    fn as_source(&self) -> Option<&(dyn Error + 'static)>;
}

impl<E: Error> AsSource for E {
    fn as_source(&self) -> Option<&(dyn Error + 'static)> {
        self.source()
    }
}

macro_rules! attempt {
    ($doing:expr, $result:expr) => {
        match $result {
            Ok(value) => Some(value),
            Err(error) => {
                fail($doing, &error);
                None
            }
        }
    };
}

fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Prints what happened to the connection, unless it was wanted.
fn report(event: &Event) {
    if !matches!(event, Event::Connected | Event::Draining | Event::Closed) {
        say("message", &event.to_string());
        say("logged", &format!("2026-01-01T00:00:00.000000Z WARN service: nats: {event}"));
    }
}

async fn connect() -> Option<Client> {
    let mut options = ConnectOptions::new()
        .connection_timeout(Duration::from_secs(3))
        .request_timeout(Some(PATIENCE))
        .max_reconnects(1)
        .subscription_capacity(1)
        .event_callback(|event| async move { report(&event) });
    if let Some(user) = var("NATS_LOGIN") {
        options = options.user_and_password(user, var("NATS_PASS").unwrap_or_default());
    }
    if let Some(file) = var("CREDENTIALS") {
        options = attempt!("read the credentials", options.credentials_file(file).await)?;
    }
    if let Some(file) = var("CA") {
        options = options.add_root_certificates(file.into()).require_tls(true);
    }
    if var("PINGS").is_some() {
        options = options.ping_interval(Duration::from_millis(200));
    }
    attempt!("connect", options.connect(var("SERVER_URL")?).await)
}

async fn settle(nc: &Client) {
    attempt!("flush", nc.flush().await);
    pause(500).await;
}

async fn core(operation: &str, nc: &Client) -> bool {
    match operation {
        "connect" => settle(nc).await,
        "watch" => {
            let mut slow = nc.subscribe("load").await.unwrap();
            settle(nc).await;
            println!("ready");
            pause(5000).await;
            let _ = tokio::time::timeout(Duration::from_millis(10), slow.next()).await;
            attempt!("publish", nc.publish("a", "x".into()).await);
            attempt!("flush", tokio::time::timeout(PATIENCE, nc.flush()).await);
        }
        "publish" => {
            attempt!("publish", nc.publish("closed.door", "x".into()).await);
            settle(nc).await;
        }
        "subscribe" => {
            let _sub = attempt!("subscribe", nc.subscribe("closed.door").await);
            settle(nc).await;
        }
        "request" => {
            attempt!("request", nc.request("nobody", "x".into()).await);
        }
        "time-out" => {
            let _sub = nc.subscribe("deaf").await.unwrap();
            let request = async_nats::Request::new().timeout(Some(Duration::from_millis(200)));
            attempt!("request", nc.send_request("deaf", request).await);
        }
        "big" => {
            attempt!("publish", nc.publish("a", vec![0u8; 5000].into()).await);
        }
        "slow" => {
            let _sub = nc.subscribe("flood").await.unwrap();
            for _ in 0..20 {
                nc.publish("flood", "x".into()).await.unwrap();
            }
            settle(nc).await;
        }
        "subscriptions" => {
            let mut kept = vec![];
            for subject in ["a", "b", "c"] {
                kept.push(attempt!("subscribe", nc.subscribe(subject).await));
            }
            settle(nc).await;
        }
        "draining" => {
            attempt!("drain", nc.drain().await);
            pause(300).await;
            attempt!("subscribe", nc.subscribe("b").await);
            attempt!("publish", nc.publish("a", "x".into()).await);
            attempt!("flush", nc.flush().await);
        }
        "bad-subject" => {
            attempt!("publish", nc.publish("", "x".into()).await);
            attempt!("publish", nc.publish("a b", "x".into()).await);
            attempt!("subscribe", nc.subscribe("a..b").await);
            attempt!("request", nc.request("a b", "x".into()).await);
            settle(nc).await;
        }
        "bad-queue" => {
            attempt!("subscribe", nc.queue_subscribe("a", "b c".into()).await);
        }
        _ => return false,
    }
    true
}

async fn streams(operation: &str, nc: &Client) -> bool {
    let js = jetstream::new(nc.clone());
    let named = |name: &str, subject: &str| stream::Config { name: name.into(), subjects: vec![subject.into()], ..Default::default() };
    match operation {
        "no-jetstream" => {
            attempt!("look at the account", js.query_account().await);
            if let Some(sent) = attempt!("publish", js.publish("orders", "x".into()).await) {
                attempt!("publish", sent.await);
            }
            attempt!("find the stream", js.get_stream("ORDERS").await);
        }
        "stream-not-found" => {
            attempt!("find the stream", js.get_stream("MISSING").await);
            attempt!("find the stream", js.stream_by_subject("nowhere").await);
            attempt!("delete the stream", js.delete_stream("MISSING").await);
        }
        "consumer-not-found" => {
            let orders = js.get_stream("ORDERS").await.unwrap();
            attempt!("find the consumer", orders.consumer_info("missing").await);
            if let Err(error) = orders.get_consumer::<pull::Config>("missing").await {
                say("message", &error.to_string());
                say("inspected", &format!("Error: {error:?}"));
            }
            attempt!("delete the consumer", orders.delete_consumer("missing").await);
        }
        "no-stream-listens" => {
            if let Some(sent) = attempt!("publish", js.publish("nowhere", "x".into()).await) {
                attempt!("publish", sent.await);
            }
        }
        "wrong-last-sequence" => {
            use async_nats::jetstream::context::Publish;
            for wanted in [
                Publish::build().expected_last_sequence(77),
                Publish::build().expected_last_message_id("other"),
                Publish::build().expected_stream("OTHER"),
            ] {
                if let Some(sent) = attempt!("publish", js.send_publish("orders", wanted).await) {
                    attempt!("publish", sent.await);
                }
            }
        }
        "stream-full" => {
            for _ in 0..2 {
                attempt!("publish", js.publish("full", "x".into()).await.unwrap().await);
            }
        }
        "message-too-big-for-stream" => {
            attempt!("publish", js.publish("full", vec![0u8; 500].into()).await.unwrap().await);
        }
        "sealed" => {
            let sealed = js.get_stream("SEALED").await.unwrap();
            attempt!("delete the message", sealed.delete_message(1).await);
            attempt!("purge the stream", sealed.purge().await);
        }
        "stream-exists" => {
            attempt!("create the stream", js.create_stream(named("ORDERS", "other")).await);
            attempt!("create the stream", js.create_stream(named("OVERLAP", "orders")).await);
        }
        "stream-name-invalid" => {
            attempt!("find the stream", js.get_stream("a.b").await);
            attempt!("find the stream", js.get_stream("").await);
            attempt!("create the stream", js.create_stream(named("a.b", "other")).await);
        }
        "consumer-exists" => {
            let orders = js.get_stream("ORDERS").await.unwrap();
            let other = pull::Config {
                durable_name: Some("reader".into()),
                ack_policy: jetstream::consumer::AckPolicy::None,
                ..Default::default()
            };
            attempt!("create the consumer", orders.create_consumer_strict(other).await);
            let missing = pull::Config { durable_name: Some("missing".into()), ..Default::default() };
            attempt!("update the consumer", orders.update_consumer(missing).await);
        }
        "replicas" => {
            let three = stream::Config { num_replicas: 3, ..named("THREE", "three") };
            attempt!("create the stream", js.create_stream(three).await);
        }
        "no-space" => {
            let huge = stream::Config { max_bytes: 1 << 40, ..named("HUGE", "huge") };
            attempt!("create the stream", js.create_stream(huge).await);
        }
        "message-not-found" => {
            let orders = js.get_stream("ORDERS").await.unwrap();
            attempt!("get the message", orders.get_raw_message(99).await);
            attempt!("get the message", orders.get_last_raw_message_by_subject("nowhere").await);
            attempt!("get the message", orders.direct_get(99).await);
            attempt!("delete the message", orders.delete_message(99).await);
        }
        "fetch" => {
            let empty = js.get_stream("EMPTY").await.unwrap();
            let narrow = empty.get_consumer::<pull::Config>("narrow").await.unwrap();
            let mut batch = narrow.fetch().max_messages(50).messages().await.unwrap();
            while let Some(message) = batch.next().await {
                if let Err(error) = message {
                    say("message", &error.to_string());
                    say("inspected", &format!("{error:?}"));
                }
            }
        }
        "consumer-deleted" => {
            let empty = js.get_stream("EMPTY").await.unwrap();
            let doomed = pull::Config { durable_name: Some("doomed".into()), ..Default::default() };
            let consumer = empty.create_consumer(doomed).await.unwrap();
            let mut messages = consumer.messages().await.unwrap();
            let first = tokio::spawn(async move {
                while let Some(message) = messages.next().await {
                    if let Err(error) = message {
                        fail("fetch", &error);
                        break;
                    }
                }
            });
            pause(300).await;
            empty.delete_consumer("doomed").await.unwrap();
            let _ = tokio::time::timeout(Duration::from_secs(4), first).await;
        }
        "key-value" => {
            attempt!("open the bucket", js.get_key_value("missing").await);
            attempt!("open the bucket", js.get_key_value("a b").await);
            let many = kv::Config { bucket: "many".into(), history: 100, ..Default::default() };
            attempt!("create the bucket", js.create_key_value(many).await);
            let bucket = js.get_key_value("box").await.unwrap();
            attempt!("get the key", bucket.get("a b").await);
            attempt!("create the key", bucket.create("there", "x".into()).await);
            attempt!("update the key", bucket.update("there", "x".into(), 77).await);
        }
        "objects" => {
            attempt!("open the store", js.get_object_store("missing").await.map(|_| ()));
            let store = js.get_object_store("store").await.unwrap();
            attempt!("get the object", store.get("missing").await.map(|_| ()));
            attempt!("look at the object", store.info("").await);
            attempt!("delete the object", store.delete("missing").await);
        }
        _ => return false,
    }
    true
}

#[tokio::main]
async fn main() {
    let operation = std::env::args().nth(1).unwrap_or_default();
    let Some(nc) = connect().await else { return };
    if !core(&operation, &nc).await && !streams(&operation, &nc).await {
        std::process::exit(9);
    }
    std::process::exit(0);
}
