// Makes strophe.js fail in one situation, over WebSocket as in a browser. It has no exceptions: a status, a condition, and its log.
import { Strophe, $iq, $msg } from "strophe.js";
import WebSocket from "ws";
import { pause, say } from "./printing.mjs";

const operation = process.argv[2];
const env = process.env;
if (!env.XMPP_WS) process.exit(9);
globalThis.WebSocket ??= WebSocket;
const NAMES = Object.fromEntries(Object.entries(Strophe.Status).map(([name, code]) => [code, name]));
const connection = new Strophe.Connection(env.XMPP_WS);
const connected = new Promise((resolve) => {
  connection.connect(`${env.XMPP_USER}@${env.XMPP_DOMAIN}/here`, env.XMPP_PASS, (status, condition, element) => {
    if (condition) say("condition", condition);
    if (condition) say("logged", `strophe status ${NAMES[status]}: ${condition}`);
    else if (/FAIL|ERROR|TIMEOUT/.test(NAMES[status])) say("logged", `strophe status ${NAMES[status]}`);
    if (element?.toString?.().startsWith?.("<")) say("xml", element.toString());
    if (status === Strophe.Status.CONNECTED) resolve(true);
    if ([Strophe.Status.CONNFAIL, Strophe.Status.AUTHFAIL, Strophe.Status.DISCONNECTED].includes(status)) resolve(false);
  });
});

function ask(to, xmlns, node) {
  return new Promise((resolve) => {
    const attributes = node ? { xmlns, node } : { xmlns };
    const query = $iq({ type: "get", to }).c("query", attributes);
    const refused = (stanza) => {
      if (stanza) say("xml", Strophe.serialize(stanza));
      resolve();
    };
    connection.sendIQ(query, resolve, refused, 2000);
  });
}

const DISCOVERY = "http://jabber.org/protocol/disco#info";
const operations = {
  connect: () => pause(100),
  async watch() {
    console.log("ready");
    await pause(3000);
  },
  unsupported: () => ask("localhost", "urn:example"),
  remote: () => ask("other.example", DISCOVERY),
  gone: () => ask("bob@localhost/gone", DISCOVERY),
  item: () => ask("localhost", DISCOVERY, "missing"),
  deaf: () => ask("bob@localhost/deaf", DISCOVERY),
  async big() {
    connection.send($msg({ to: "bob@localhost" }).c("body").t("x".repeat(9000)));
    await pause(1500);
  },
};
const run = operations[operation];
if (!run) process.exit(9);
if (await Promise.race([connected, pause(5000)])) await run();
process.exit(0);
