// Makes a NATS client for Node.js fail in one situation. The clients of generation 2 and 3 differ in how they are reached only.
import { readFileSync } from "node:fs";
import { attempt, fail, pause } from "./printing.mjs";

const generation = process.argv[2];
const operation = process.argv[3];
const env = process.env;

async function generation2() {
  const lib = await import("nats");
  return {
    lib,
    js: (nc) => nc.jetstream({ timeout: 2000 }),
    jsm: (nc) => nc.jetstreamManager({ timeout: 2000, checkAPI: false }),
    checked: (nc) => nc.jetstreamManager({ timeout: 2000 }),
    bucket: (nc, name, options = {}) => nc.jetstream().views.kv(name, options),
    store: (nc, name) => nc.jetstream().views.os(name),
  };
}

async function generation3() {
  const lib = await import("@nats-io/transport-node");
  const { jetstream, jetstreamManager } = await import("@nats-io/jetstream");
  const { Kvm } = await import("@nats-io/kv");
  const { Objm } = await import("@nats-io/obj");
  return {
    lib,
    js: (nc) => jetstream(nc, { timeout: 2000 }),
    jsm: (nc) => jetstreamManager(nc, { timeout: 2000, checkAPI: false }),
    checked: (nc) => jetstreamManager(nc, { timeout: 2000 }),
    bucket: (nc, name, options) => (options ? new Kvm(nc).create(name, options) : new Kvm(nc).open(name)),
    store: (nc, name) => new Objm(nc).open(name),
  };
}

const client = await (generation === "2" ? generation2() : generation3());

function options() {
  const made = { servers: env.SERVER_URL, timeout: 3000, reconnect: false };
  if (env.NATS_LOGIN) Object.assign(made, { user: env.NATS_LOGIN, pass: env.NATS_PASS });
  if (env.CREDENTIALS) made.authenticator = client.lib.credsAuthenticator(readFileSync(env.CREDENTIALS));
  if (env.CA) made.tls = { caFile: env.CA };
  if (env.PINGS) Object.assign(made, { pingInterval: 200, maxPingOut: 1 });
  return made;
}

async function listen(nc) {
  for await (const status of nc.status()) {
    if (status.error instanceof Error) fail(`serve (${status.type})`, status.error);
  }
}

async function settle(nc) {
  await attempt("flush", () => nc.flush());
  await pause(300);
}

const core = {
  connect: settle,
  async watch(nc) {
    nc.closed().then((err) => fail("stay connected", err));
    nc.subscribe("load", { callback: () => {} });
    await settle(nc);
    console.log("ready");
    await pause(5000);
    await attempt("publish", () => nc.publish("a"));
  },
  async publish(nc) {
    await attempt("publish", () => nc.publish("closed.door", "x"));
    await settle(nc);
  },
  async subscribe(nc) {
    nc.subscribe("closed.door", { callback: (err) => fail("receive", err) });
    const sub = nc.subscribe("closed.window");
    (async () => {
      for await (const _ of sub);
    })().catch((err) => fail("receive", err));
    await settle(nc);
  },
  request: (nc) => attempt("request", () => nc.request("nobody", "", { timeout: 2000 })),
  async "time-out"(nc) {
    nc.subscribe("deaf", { callback: () => {} });
    await attempt("request", () => nc.request("deaf", "", { timeout: 200 }));
    const sub = nc.subscribe("silent", { max: 1, timeout: 200 });
    await attempt("receive", async () => {
      for await (const _ of sub);
    });
  },
  async big(nc) {
    await attempt("publish", () => nc.publish("a", new Uint8Array(5000)));
    await settle(nc);
  },
  async subscriptions(nc) {
    for (const subject of ["a", "b", "c"]) nc.subscribe(subject, { callback: (err) => fail("receive", err) });
    await settle(nc);
  },
  async closed(nc) {
    await nc.close();
    await attempt("publish", () => nc.publish("a"));
    await attempt("request", () => nc.request("a", "", { timeout: 500 }));
    await attempt("subscribe", () => nc.subscribe("a"));
    await attempt("flush", () => nc.flush());
    await attempt("drain", () => nc.drain());
  },
  async draining(nc) {
    const sub = nc.subscribe("a", { callback: () => {} });
    const drained = nc.drain();
    await attempt("subscribe", () => nc.subscribe("b"));
    await attempt("drain", () => nc.drain());
    await attempt("drain", () => sub.drain());
    await drained;
  },
  async unsubscribed(nc) {
    const sub = nc.subscribe("a");
    sub.unsubscribe();
    await attempt("drain", () => sub.drain());
    await attempt("unsubscribe", () => sub.unsubscribe());
  },
  async "bad-subject"(nc) {
    await attempt("publish", () => nc.publish("", "x"));
    await attempt("subscribe", () => nc.subscribe(""));
    await attempt("publish", () => nc.publish("a b", "x"));
    await settle(nc);
  },
  async "bad-queue"(nc) {
    await attempt("subscribe", () => nc.subscribe("a", { queue: "" }));
    await attempt("subscribe", () => nc.subscribe("a", { queue: "b c" }));
    await settle(nc);
  },
  async "no-deadline"(nc) {
    await attempt("request", () => nc.request("a", "", { timeout: 0 }));
    await attempt("request", () => nc.request("a", "", { noMux: true }));
  },
};

const streams = {
  async "no-jetstream"(nc) {
    await attempt("reach JetStream", () => client.checked(nc));
    const jsm = await client.jsm(nc);
    await attempt("look at the account", () => jsm.getAccountInfo());
    await attempt("publish", () => client.js(nc).publish("orders"));
    await attempt("find the stream", () => jsm.streams.info("ORDERS"));
  },
  async "stream-not-found"(nc) {
    const jsm = await client.jsm(nc);
    await attempt("find the stream", () => jsm.streams.info("MISSING"));
    await attempt("find the stream", () => jsm.streams.find("nowhere"));
    await attempt("find the stream", () => client.js(nc).streams.get("MISSING"));
  },
  async "consumer-not-found"(nc) {
    const jsm = await client.jsm(nc);
    await attempt("find the consumer", () => jsm.consumers.info("ORDERS", "missing"));
    await attempt("find the consumer", () => client.js(nc).consumers.get("ORDERS", "missing"));
  },
  "no-stream-listens": (nc) => attempt("publish", () => client.js(nc).publish("nowhere")),
  async "wrong-last-sequence"(nc) {
    const js = client.js(nc);
    await attempt("publish", () => js.publish("orders", "", { expect: { lastSequence: 77 } }));
    await attempt("publish", () => js.publish("orders", "", { expect: { lastMsgID: "other" } }));
    await attempt("publish", () => js.publish("orders", "", { expect: { streamName: "OTHER" } }));
  },
  async "stream-full"(nc) {
    const js = client.js(nc);
    await attempt("publish", () => js.publish("full"));
    await attempt("publish", () => js.publish("full"));
  },
  "message-too-big-for-stream": (nc) => attempt("publish", () => client.js(nc).publish("full", new Uint8Array(500))),
  async sealed(nc) {
    const jsm = await client.jsm(nc);
    await attempt("delete the message", () => jsm.streams.deleteMessage("SEALED", 1));
    await attempt("purge the stream", () => jsm.streams.purge("SEALED"));
  },
  async "stream-exists"(nc) {
    const jsm = await client.jsm(nc);
    await attempt("create the stream", () => jsm.streams.add({ name: "ORDERS", subjects: ["other"] }));
    await attempt("create the stream", () => jsm.streams.add({ name: "OVERLAP", subjects: ["orders"] }));
  },
  async "stream-name-invalid"(nc) {
    const jsm = await client.jsm(nc);
    for (const name of ["a.b", ""]) {
      await attempt("find the stream", () => jsm.streams.info(name));
      await attempt("find the consumer", () => jsm.consumers.info("ORDERS", name));
    }
  },
  async "consumer-exists"(nc) {
    const jsm = await client.jsm(nc);
    const wanted = { durable_name: "reader", ack_policy: "none" };
    await attempt("create the consumer", () => jsm.consumers.add("ORDERS", wanted));
    await attempt("update the consumer", () => jsm.consumers.update("ORDERS", "missing", {}));
  },
  async replicas(nc) {
    const jsm = await client.jsm(nc);
    await attempt("create the stream", () => jsm.streams.add({ name: "THREE", num_replicas: 3 }));
  },
  async "no-space"(nc) {
    const jsm = await client.jsm(nc);
    await attempt("create the stream", () => jsm.streams.add({ name: "HUGE", max_bytes: 2 ** 40 }));
  },
  async "message-not-found"(nc) {
    const jsm = await client.jsm(nc);
    await attempt("get the message", () => jsm.streams.getMessage("ORDERS", { seq: 99 }));
    await attempt("get the message", () => jsm.direct.getMessage("ORDERS", { seq: 99 }));
    await attempt("delete the message", () => jsm.streams.deleteMessage("ORDERS", 99));
  },
  async fetch(nc) {
    const narrow = await client.js(nc).consumers.get("EMPTY", "narrow");
    await attempt("fetch", async () => {
      const batch = await narrow.fetch({ max_messages: 50, expires: 1000 });
      for await (const _ of batch);
    });
  },
  async "consumer-deleted"(nc) {
    const jsm = await client.jsm(nc);
    await jsm.consumers.add("EMPTY", { durable_name: "doomed", ack_policy: "explicit" });
    const consumer = await client.js(nc).consumers.get("EMPTY", "doomed");
    setTimeout(() => jsm.consumers.delete("EMPTY", "doomed"), 300);
    await attempt("fetch", async () => {
      const batch = await consumer.fetch({ max_messages: 1, expires: 2000 });
      for await (const _ of batch);
    });
    await attempt("fetch", () => consumer.next({ expires: 1000 }));
  },
  async "key-value"(nc) {
    await attempt("open the bucket", async () => {
      const bucket = await client.bucket(nc, "missing", generation === "2" ? { bindOnly: true } : undefined);
      await bucket.put("a", "b");
    });
    await attempt("open the bucket", () => client.bucket(nc, "a b"));
    const box = await client.bucket(nc, "box");
    await attempt("get the key", () => box.get("a b"));
    await attempt("create the key", () => box.create("there", ""));
    await attempt("update the key", () => box.update("there", "", 77));
    await attempt("create the bucket", () => client.bucket(nc, "many", { history: 100 }));
  },
  async objects(nc) {
    if (generation === "3") await attempt("open the store", () => client.store(nc, "missing"));
    const store = await client.store(nc, "store");
    await attempt("get the object", () => store.get("missing"));
    await attempt("delete the object", () => store.delete("missing"));
  },
};

const run = core[operation] ?? streams[operation];
if (!run) process.exit(9);
process.on("unhandledRejection", (err) => fail("go on", err));
let nc;
try {
  nc = await client.lib.connect(options());
} catch (err) {
  fail("connect", err);
  process.exit(0);
}
listen(nc).catch((err) => fail("listen", err));
await attempt("run", () => run(nc));
await pause(200);
await attempt("close", () => nc.close());
process.exit(0);
