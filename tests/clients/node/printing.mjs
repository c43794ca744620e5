// What a program prints of an error, one JSON object a line.
import { inspect } from "node:util";

Error.stackTraceLimit = 3;

export function say(form, text) {
  console.log(JSON.stringify({ form, text: String(text) }));
}

// fail prints an error as its message, as a string, and as console.error shows it: with its stack, codes and causes.
export function fail(doing, err) {
  if (err === undefined || err === null) return;
  if (err.message) say("message", err.message);
  say("string", err);
  say("logged", `could not ${doing}: ${err}`);
  say("inspected", inspect(err, { depth: 1 }));
}

export async function attempt(doing, action) {
  try {
    return await action();
  } catch (err) {
    fail(doing, err);
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
