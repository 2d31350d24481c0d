// A client on xmpp.js that comes back when it is disconnected. PORT CA PASSWORD starttls|direct [FILE|-]
//
// It keeps its token (XEP-0484) and its id in FILE; without FILE until it ends; with "-" it keeps none.
// Sends the lines of its standard input as messages to the domain, and says what happens to it: what
// it asks for with its login by SASL2 and what the server answers, by the names of the elements.
// Node reads the authority from NODE_EXTRA_CA_CERTS, so CA is only there because other clients need it.

import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { client, xml } from "@xmpp/client";

const SASL2 = "urn:xmpp:sasl:2";
const [port, , password, way, file] = process.argv.slice(2);
const service = `${way === "direct" ? "xmpps" : "xmpp"}://localhost:${port}`;
const kept = file && existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { id: randomUUID() };
const userAgent = xml("user-agent", { id: kept.id });
const xmpp = client({ service, domain: "localhost", username: "alice", password, resource: "xmppjs", userAgent });
xmpp.reconnect.delay = 100;

if (file) {
  const keep = (token) => {
    kept.token = token;
    if (file !== "-") writeFileSync(file, JSON.stringify(kept), { mode: 0o600 });
  };
  xmpp.fast.fetchToken = async () => (file === "-" ? null : kept.token);
  xmpp.fast.saveToken = async (token) => keep(token);
  xmpp.fast.deleteToken = async () => keep(null);
}

/** The names of all elements in this one, in their order. */
function names(element) {
  return element.getChildElements().flatMap((child) => [child.name, ...names(child)]);
}

function say(...words) {
  console.log(words.join(" "));
}

xmpp.on("send", (element) => {
  if (element.is("authenticate", SASL2)) say("authenticate", element.attrs.mechanism, ...names(element));
  if (element.is("message")) say("send", element.getChildText("body"));
});
xmpp.on("element", (element) => {
  if (element.is("success", SASL2)) say("success", element.getChildText("authorization-identifier"), ...names(element));
});
xmpp.on("element", (element) => {
  if (element.is("failure", SASL2)) say("failure", ...names(element));
});
xmpp.on("online", (jid) => say("online", jid));
// A stanza that is sent before stream management is enabled is not counted.
xmpp.once("online", () => {
  createInterface({ input: process.stdin }).on("line", (line) => {
    xmpp.send(xml("message", { to: "localhost" }, xml("body", {}, line))).catch(console.error);
  });
});
xmpp.on("disconnect", () => say("disconnected"));
xmpp.streamManagement.on("resumed", () => say("resumed"));
xmpp.streamManagement.on("ack", (stanza) => say("acknowledged", stanza.getChildText("body")));
xmpp.streamManagement.on("fail", (stanza) => say("lost", stanza.getChildText("body")));
xmpp.on("stanza", async (stanza) => {
  const body = stanza.is("message") && stanza.getChildText("body");
  if (!body) return;
  say("message", body);
  if (body === "end") {
    await xmpp.stop();
    process.exit(0);
  }
});
xmpp.on("error", (error) => {
  console.error(error);
  if (error.name === "SASLError") {
    say("authentication failed", error.condition);
    process.exit(2);
  }
});

await xmpp.start().catch(console.error);
