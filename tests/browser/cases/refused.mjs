// What leads to no connection, and says so.

import { deepEqual, equal, notEqual } from "node:assert/strict";
import { connection, find, get, namespace, tenant } from "../cluster.mjs";
import { PAGES } from "../browser.mjs";
import { divert } from "../front.mjs";
import { allow, begin, connected, consent, go, headed, says, shoot, signIn, visit } from "../steps.mjs";
import { until } from "../wait.mjs";

const START_AGAIN = "Please start again";

/** Nothing came of it: no token, no code redeemed, no word in the status. */
async function untouched(app, { name, secret }) {
  const { status } = await get("zoomconnections", name);
  notEqual(status.phase, "Connected");
  equal(status.consent, undefined);
  equal(await find("secrets", secret), undefined);
  equal((await app.counters()).codes_redeemed, 0);
}

/** Up to Zoom's answer, which is kept back; its address. */
async function answered(page, app, { link }, mail = app.people.ada) {
  await begin(page, link);
  await signIn(page, mail);
  const callback = divert(`/callback/${namespace}/${app.name}`);
  await allow(page);
  return callback;
}

async function stage(t, options) {
  const app = await tenant(options);
  const one = await connection(app, "ada");
  const person = await t.person();
  return { app, one, person, page: await person.page() };
}

export default {
  async "declined"(t) {
    const { app, one, page } = await stage(t);
    await begin(page, one.link);
    await signIn(page, app.people.ada);
    await page.click("#decline");
    await headed(page, "You declined");
    await shoot(page, "declined");
    await page.reload();
    await headed(page, "You declined");
    await untouched(app, one);
    // In the other language, from an address without what Zoom sent.
    await page.getByRole("link", { name: "日本語" }).click();
    await headed(page, "許可されませんでした");
    equal(new URL(page.url()).searchParams.get("state"), null);
    await page.getByRole("link", { name: "English" }).click();
    // Another mind.
    await page.getByRole("link", { name: "Start again" }).click();
    await headed(page, "Connect KiviCare with Zoom");
    await go(page);
    await allow(page);
    await headed(page, "Connected");
    await connected(one.name, app.people.ada);
  },

  async "wrong-state"(t) {
    const { app, one, page } = await stage(t);
    const callback = new URL(await answered(page, app, one));
    const right = callback.href;
    callback.searchParams.set("state", "x".repeat(43));
    const reply = await visit(page, callback.href);
    equal(reply.status(), 400);
    await headed(page, START_AGAIN);
    await shoot(page, "not-carried", ["", "-phone"]);
    callback.searchParams.delete("state");
    await visit(page, callback.href);
    await headed(page, "One more step");
    callback.searchParams.delete("code");
    await visit(page, callback.href);
    await headed(page, START_AGAIN);
    await untouched(app, one);
    // The right one counts as before.
    await visit(page, right);
    await headed(page, "Connected");
  },

  async "cookie-expired"(t) {
    const { app, one, page, person } = await stage(t);
    await begin(page, one.link);
    await signIn(page, app.people.ada);
    const [cookie] = await person.cookies();
    const age = cookie.expires - Date.now() / 1000;
    equal(age > 560 && age <= 600, true, `the cookie lives for ${age} s`);
    // Ten minutes have passed for the browser.
    await person.context.addCookies([{ ...cookie, expires: Date.now() / 1000 + 1 }]);
    await until("the cookie expires", async () => (await person.cookies()).length === 0);
    await allow(page);
    await headed(page, START_AGAIN);
    await untouched(app, one);
    await consentSignedIn(page, one.link);
    await connected(one.name, app.people.ada);
  },

  async "code-expired"(t) {
    const { app, one, page } = await stage(t, { app: { code_lifetime_seconds: 1 } });
    const callback = await answered(page, app, one);
    const issued = Date.now();
    await until("the code is too old", () => Date.now() - issued > 2100);
    await visit(page, callback);
    await headed(page, "The connection was not made");
    await says(page, "Your authorization is no longer valid.");
    await shoot(page, "expired");
    const { status } = await get("zoomconnections", one.name);
    deepEqual([status.consent.outcome, status.consent.reason], ["Failed", "CodeRejected"]);
    equal(await find("secrets", one.secret), undefined);
    await app.change({ code_lifetime_seconds: 300 });
    await page.getByRole("link", { name: "Start again" }).click();
    await headed(page, "Connect KiviCare with Zoom");
    await go(page);
    await allow(page);
    await headed(page, "Connected");
    await connected(one.name, app.people.ada);
  },

  async "state-from-another-browser"(t) {
    const { app, one, page } = await stage(t);
    const callback = await answered(page, app, one);
    const victim = await t.person();
    const theirs = await victim.page();
    await visit(theirs, callback);
    await headed(theirs, START_AGAIN);
    // Also when they have begun themselves.
    await begin(theirs, one.link);
    await visit(theirs, callback);
    await headed(theirs, START_AGAIN);
    await untouched(app, one);
    await visit(page, callback);
    await headed(page, "Connected");
    const result = page.url();
    await connected(one.name, app.people.ada);
    // Who is told the address of the result sees nothing of it.
    await visit(theirs, result);
    await headed(theirs, "The result cannot be shown any more");
  },

  async "replayed-callback"(t) {
    const { app, one, page, person } = await stage(t);
    await consent(page, one.link, app.people.ada);
    const before = await connected(one.name, app.people.ada);
    const [callback] = person.callbacks;
    const result = page.url();
    for (let time = 0; time < 3; time++) {
      await visit(page, callback);
      await headed(page, "Connected");
      equal(page.url(), result);
    }
    const other = await (await t.person()).page();
    await visit(other, callback);
    await headed(other, START_AGAIN);
    const counters = await app.counters();
    equal(counters.codes_redeemed, 1);
    equal(counters.code_replays, 0);
    equal((await app.grants()).length, 1);
    const after = await get("zoomconnections", one.name);
    equal(after.status.consent.transaction, before.status.consent.transaction);
    equal(after.status.grant.since, before.status.grant.since);
  },

  async "tampered-cookie"(t) {
    const { app, one, page, person } = await stage(t);
    const callback = await answered(page, app, one);
    const [cookie] = await person.cookies();
    const at = Math.floor(cookie.value.length / 2);
    const letter = cookie.value[at] === "A" ? "B" : "A";
    const value = cookie.value.slice(0, at) + letter + cookie.value.slice(at + 1);
    for (const wrong of [value, cookie.value.slice(0, -8), "x"]) {
      await person.context.addCookies([{ ...cookie, value: wrong }]);
      const reply = await visit(page, callback);
      equal(reply.status(), 400);
      await headed(page, START_AGAIN);
    }
    // Under the name of another transaction.
    const digits = cookie.name.slice(-16);
    const name = cookie.name.replace(digits, "0123456789abcdef");
    await person.context.clearCookies({ name: cookie.name });
    await person.context.addCookies([{ ...cookie, name }]);
    await visit(page, callback);
    await headed(page, START_AGAIN);
    await untouched(app, one);
    // What cannot be read is in nobody's way.
    await consentSignedIn(page, one.link);
    await connected(one.name, app.people.ada);
    const left = await person.cookies();
    equal(left.length, 1, "cookies that cannot be read are taken away");
  },

  async "another-app's-callback"(t) {
    const { app, one, page } = await stage(t);
    const callback = await answered(page, app, one);
    const other = await tenant();
    await visit(page, callback.replace(`/${app.name}?`, `/${other.name}?`));
    await headed(page, "This link from Zoom belongs to another app");
    await untouched(app, one);
  },

  async "wrong-links"(t) {
    const { app, one, page } = await stage(t);
    const strange = one.link.replace(/[^/]+$/, "A".repeat(22));
    for (const link of [strange, one.link.slice(0, -1), `${PAGES}/nothing`]) {
      const reply = await visit(page, link);
      equal(reply.status(), 404);
      await headed(page, "This page does not exist");
    }
    await shoot(page, "unknown", ["", "-phone"]);
    await visit(page, PAGES);
    await headed(page, "Zoom connections");
    await shoot(page, "index", ["", "-phone"]);
    await untouched(app, one);
  },
};

/** The whole way of somebody who is signed in at Zoom. */
async function consentSignedIn(page, link) {
  await begin(page, link);
  await allow(page);
  await headed(page, "Connected");
}
