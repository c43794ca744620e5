// Makes xmpp.js fail in one situation.
import { client, xml } from "@xmpp/client";
import { attempt, fail, pause } from "./printing.mjs";

const operation = process.argv[2];
const env = process.env;
const xmpp = client({
  service: `xmpp://${env.XMPP_HOST}:${env.XMPP_PORT}`,
  domain: env.XMPP_DOMAIN,
  resource: "here",
  username: env.XMPP_USER,
  password: env.XMPP_PASS,
});
xmpp.timeout = 2000;
xmpp.reconnect.stop();

function ask(to, child, type = "get") {
  return attempt("ask", () => xmpp.iqCaller.request(xml("iq", { type, to }, child), 2000));
}

const discovery = (node) => xml("query", { xmlns: "http://jabber.org/protocol/disco#info", node });
const items = (node) => xml("pubsub", { xmlns: "http://jabber.org/protocol/pubsub" }, xml("items", { node }));

const operations = {
  connect: async () => {},
  async watch() {
    xmpp.on("disconnect", (event) => fail("stay connected", event?.event));
    console.log("ready");
    await pause(3000);
    await attempt("send", () => xmpp.send(xml("message", { to: "bob@localhost" }, xml("body", {}, "x"))));
  },
  async ping() {
    console.log("ready");
    await pause(500);
    await ask("localhost", xml("ping", { xmlns: "urn:xmpp:ping" }));
  },
  unsupported: () => ask("localhost", xml("query", { xmlns: "urn:example" })),
  remote: () => ask("other.example", discovery()),
  gone: () => ask("bob@localhost/gone", discovery()),
  async item() {
    await ask("nodes.localhost", items("missing"));
    await ask("localhost", discovery("missing"));
  },
  create: () =>
    ask("nodes.localhost", xml("pubsub", { xmlns: "http://jabber.org/protocol/pubsub" }, xml("create", { node: "mine" })), "set"),
  deaf: () => ask("bob@localhost/deaf", discovery()),
  async big() {
    await xmpp.send(xml("message", { to: "bob@localhost" }, xml("body", {}, "x".repeat(9000))));
    await pause(1500);
  },
  async malformed() {
    await xmpp.write("<a><b></a>");
    await pause(1500);
  },
};

const run = operations[operation];
if (!run) process.exit(9);
xmpp.on("error", (err) => fail("go on", err));
process.on("unhandledRejection", (err) => fail("go on", err));
await attempt("connect", async () => {
  await xmpp.start();
  await run();
});
await Promise.race([xmpp.stop().catch((err) => fail("stop", err)), pause(1000)]);
process.exit(0);
