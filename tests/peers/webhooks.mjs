// Rivet, Zoom's own library, judges our webhooks. Started by `run`; one line per case.
//
//   zoom-sim: does rivet accept what the offline Zoom sends, and refuse what Zoom did not sign?
//   receiver: do our receiver and rivet judge the same bytes alike? Where they differ is written down below with the
//             reason, and any other difference fails.

import { createHmac, randomBytes } from "node:crypto";
import { request } from "node:http";
import { MeetingsS2SAuthClient } from "@zoom/rivet/meetings";

import { admin, equal, test } from "./lib/cases.mjs";

const { RECEIVER, SINK_ADMIN, WEBHOOK_SECRET } = process.env;
const ACCOUNT = "peers-account";
// Rivet takes webhooks on this path only; our receiver is told to do so too.
const PATH = "/zoom/events";
const HOUR = 3600;

// === the offline Zoom ===

const app = (name, webhook_secret_token) =>
  admin("PUT", `/apps/${name}`, {
    kind: "ServerToServer",
    client_secret: "peers-secret",
    account_id: ACCOUNT,
    scopes: ["user:read:list_users:admin"],
    webhook_secret_token,
  });

async function deliver(name, url, order) {
  const delivery = await admin("POST", `/apps/${name}/deliveries`, { url, retries: false, ...order });
  const [{ status, error }] = delivery.attempts;
  if (status === null) throw new Error(`no answer: ${error}`);
  return status;
}

const validate = (name, url) => admin("POST", `/apps/${name}/validations`, { url });

const event = (object, name = "meeting.ended") => ({
  event: name,
  event_ts: Date.now(),
  payload: { account_id: ACCOUNT, object: { id: randomBytes(8).toString("hex"), ...object } },
});

// === rivet ===

const rivet = new MeetingsS2SAuthClient({
  clientId: "peers-rivet",
  clientSecret: "peers-secret",
  accountId: ACCOUNT,
  webhooksSecretToken: WEBHOOK_SECRET,
  port: 0,
});
const handed = [];
rivet.webEventConsumer.event("meeting.ended", (given) => void handed.push(given));
const server = await rivet.start();
const RIVET = `http://127.0.0.1:${server.address().port}`;

await app("peers-rivet", WEBHOOK_SECRET);
await app("peers-stranger", randomBytes(16).toString("hex"));

for (const [name, object] of [
  ["an-event", { topic: "Weekly" }],
  ["letters-of-all-kinds", { topic: "café, 会議, \u{1F680}, \"quotes\" and \\ strokes" }],
  ["numbers-and-nothing", { duration: 30, share: 0.5, left: null, tags: [], more: {} }],
]) {
  await test(`zoom-sim/rivet-accepts-${name}`, async () => {
    const sent = event(object);
    equal(await deliver("peers-rivet", RIVET + PATH, { event: sent }), 200);
    equal(handed.at(-1), sent);
  });
}

for (const [name, application, order] of [
  ["a-forged-signature", "peers-rivet", { signature: `v0=${"0".repeat(64)}` }],
  ["another-app's-signature", "peers-stranger", {}],
  ["a-missing-signature", "peers-rivet", { headers: { "x-zm-signature": null } }],
  ["another-timestamp", "peers-rivet", { headers: { "x-zm-request-timestamp": "1739923528" } }],
]) {
  await test(`zoom-sim/rivet-refuses-${name}`, async () => {
    const before = handed.length;
    equal(await deliver(application, RIVET + PATH, { event: event(), ...order }), 400);
    equal(handed.length, before);
  });
}

await test("zoom-sim/rivet-passes-url-validation", async () => {
  const { ok, status, error } = await validate("peers-rivet", RIVET + PATH);
  equal({ ok, status, error }, { ok: true, status: 200, error: null });
});
await test("zoom-sim/rivet-fails-url-validation-of-another-app", async () => {
  const { ok, status } = await validate("peers-stranger", RIVET + PATH);
  equal({ ok, status }, { ok: false, status: 400 });
});

// === our receiver, beside rivet ===

const hmac = (text, secret = WEBHOOK_SECRET) => createHmac("sha256", secret).update(text).digest("hex");
const now = () => Math.floor(Date.now() / 1000);

/** A request as Zoom would send it, then changed. */
function signed(body, { at = now(), secret, time = String(at), change = (headers) => headers, ...rest } = {}) {
  const raw = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const signature = `v0=${hmac(Buffer.concat([Buffer.from(`v0:${time}:`), raw]), secret)}`;
  const headers = change({
    "content-type": "application/json; charset=utf-8",
    "x-zm-request-timestamp": time,
    "x-zm-signature": signature,
  });
  return { method: "POST", path: PATH, raw, headers, ...rest };
}

function send(base, { method, path, raw, headers }) {
  return new Promise((resolve, reject) => {
    const length = { "content-length": raw.length, connection: "close" };
    const call = request(base + path, { method, headers: { ...headers, ...length } }, (reply) => {
      let body = "";
      reply.setEncoding("utf8").on("data", (chunk) => (body += chunk));
      reply.on("end", () => resolve({ status: reply.statusCode, type: reply.headers["content-type"], body }));
    });
    call.on("error", reject).end(raw);
  });
}

async function both(message) {
  const [ours, theirs] = await Promise.all([send(RECEIVER, message), send(RIVET, message)]);
  const accepted = ({ status }) => status >= 200 && status < 300;
  return { ours, theirs, verdict: { we: accepted(ours), rivet: accepted(theirs) } };
}

const challenge = (plainToken) => ({
  payload: { plainToken },
  event_ts: Date.now(),
  event: "endpoint.url_validation",
});

for (const [name, token] of [
  ["of-zoom's-length", randomBytes(16).toString("base64url")],
  ["of-one-letter", "a"],
  ["of-all-letters", "-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"],
  ["of-128-letters", "x".repeat(128)],
]) {
  await test(`receiver/same-answer-to-a-token-${name}`, async () => {
    const { ours, theirs } = await both(signed(challenge(token)));
    equal([ours.status, theirs.status], [200, 200]);
    equal([ours.type, theirs.type], ["application/json", "application/json"]);
    equal(JSON.parse(ours.body), JSON.parse(theirs.body));
  });
}
await test("receiver/passes-the-offline-zoom's-url-validation", async () => {
  const { ok, status, error } = await validate("peers-rivet", RECEIVER + PATH);
  equal({ ok, status, error }, { ok: true, status: 200, error: null });
});

const dropping = (...names) => ({
  change: (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name))),
});
const setting = (name, value) => ({
  change: (headers) => ({ ...headers, [name]: typeof value === "function" ? value(headers[name]) : value }),
});
const SIGNATURE = "x-zm-signature";
const TIMESTAMP = "x-zm-request-timestamp";
const forged = `v0=${"0".repeat(64)}`;

for (const [name, message] of [
  ["an-event", () => signed(event())],
  ["letters-of-all-kinds", () => signed(event({ topic: "café, 会議, \u{1F680}" }))],
  ["an-unheard-of-event", () => signed(event({}, "starship.landed"))],
  ["an-event-of-a-minute-ago", () => signed(event(), { at: now() - 60 })],
  ["an-event-of-zoom's-last-retry", () => signed(event(), { at: now() - 85 * 60 })],
]) {
  await test(`receiver/both-accept-${name}`, async () => {
    equal((await both(message())).verdict, { we: true, rivet: true });
  });
}

for (const [name, message] of [
  ["a-forged-signature", () => signed(event(), setting(SIGNATURE, forged))],
  ["a-forged-url-validation", () => signed(challenge("abc"), setting(SIGNATURE, forged))],
  ["another-secret", () => signed(event(), { secret: "another" })],
  ["another-body", () => ({ ...signed(event()), raw: Buffer.from(JSON.stringify(event())) })],
  ["another-timestamp", () => signed(event(), setting(TIMESTAMP, (time) => String(time - 1)))],
  ["a-signature-without-version", () => signed(event(), setting(SIGNATURE, (text) => text.slice(3)))],
  ["a-signature-of-version-1", () => signed(event(), setting(SIGNATURE, (text) => text.replace("v0", "v1")))],
  ["a-signature-in-capitals", () => signed(event(), setting(SIGNATURE, (text) => `v0=${text.slice(3).toUpperCase()}`))],
  ["a-signature-cut-short", () => signed(event(), setting(SIGNATURE, (text) => text.slice(0, -1)))],
  ["an-empty-signature", () => signed(event(), setting(SIGNATURE, ""))],
  ["the-signature-twice", () => signed(event(), setting(SIGNATURE, (text) => [text, text]))],
  ["the-timestamp-twice", () => signed(event(), setting(TIMESTAMP, (text) => [text, text]))],
  ["no-signature", () => signed(event(), dropping(SIGNATURE))],
  ["no-timestamp", () => signed(event(), dropping(TIMESTAMP))],
  ["neither", () => signed(event(), dropping(SIGNATURE, TIMESTAMP))],
  ["a-timestamp-that-is-no-number", () => signed(event(), { time: "soon" })],
  ["another-path", () => signed(event(), { path: "/" })],
  ["another-method", () => signed(event(), { method: "PUT" })],
]) {
  await test(`receiver/both-refuse-${name}`, async () => {
    equal((await both(message())).verdict, { we: false, rivet: false });
  });
}

const rewrites = "rivet signs the parsed and rewritten body, we sign the bytes as they came";
const noWindow = "rivet has no time window";
const passOn = "we pass on whatever Zoom signed";
const oracle = "rivet computes the signature of any event for who can have a token signed";
const noise = randomBytes(8).toString("hex");
for (const [name, we, theirs, why, message] of [
  ["an-event-of-three-hours-ago", 503, 200, noWindow, () => signed(event(), { at: now() - 3 * HOUR })],
  ["an-event-in-three-hours", 503, 200, noWindow, () => signed(event(), { at: now() + 3 * HOUR })],
  ["spaces-in-the-body", 204, 400, rewrites, () => signed(JSON.stringify(event(), null, 2))],
  ["escaped-letters", 204, 400, rewrites, () => signed(JSON.stringify(event({ t: "é" })).replace("é", "\\u00e9"))],
  ["a-nought-too-many", 204, 400, rewrites, () => signed(JSON.stringify(event({ share: 7.5 })).replace("7.5", "7.50"))],
  ["a-body-that-is-not-json", 204, 400, passOn, () => signed(`no JSON ${noise}`)],
  ["a-body-without-event", 204, 400, passOn, () => signed({ payload: noise })],
  ["a-token-that-is-a-signed-text", 400, 200, oracle, () => signed(challenge(`v0:${now()}:{}`))],
  ["a-token-of-129-letters", 400, 200, "rivet has no limit", () => signed(challenge("x".repeat(129)))],
  ["a-validation-without-token", 400, 200, "to rivet an event like others", () => signed(challenge(undefined))],
]) {
  await test(`receiver/known-difference-${name}`, async () => {
    const { ours, theirs: rivets } = await both(message());
    equal({ we: ours.status, rivet: rivets.status }, { we, rivet: theirs });
    return `we ${we}, rivet ${theirs}: ${why}`;
  });
}

await test("receiver/hands-on-the-bytes-that-rivet-verified", async () => {
  await fetch(`${SINK_ADMIN}/events`, { method: "DELETE" });
  const sent = event({ topic: "café" });
  equal(await deliver("peers-rivet", RIVET + PATH, { event: sent }), 200);
  equal(await deliver("peers-rivet", RECEIVER + PATH, { event: sent }), 204);
  const events = await (await fetch(`${SINK_ADMIN}/events`)).json();
  // Each comes at least once.
  equal([...new Set(events.map(({ body }) => body))], [JSON.stringify(handed.at(-1))]);
});

server.close();
server.closeAllConnections();
