// What people do with browsers: they go back, reload, give up, begin twice.

import { deepEqual, equal } from "node:assert/strict";
import { connection, find, get, remove, tenant } from "../cluster.mjs";
import { PAGES, ZOOM } from "../browser.mjs";
import { allow, begin, connected, consent, go, headed, says, signIn, switchTo, visit } from "../steps.mjs";
import { until } from "../wait.mjs";

async function stage(t, options) {
  const app = await tenant(options);
  const one = await connection(app, "ada");
  const person = await t.person();
  return { app, one, person, page: await person.page() };
}

/** The back button, until it leads to a page there. */
async function backTo(page, origin) {
  do await page.goBack();
  while (!page.url().startsWith(origin));
}

export default {
  async "given-up-at-zoom"(t) {
    const { app, one, person, page } = await stage(t);
    await begin(page, one.link);
    await signIn(page, app.people.ada);
    await page.close();
    const next = await person.page();
    await begin(next, one.link);
    await allow(next);
    await headed(next, "Connected");
    await connected(one.name, app.people.ada);
    equal((await app.counters()).codes_redeemed, 1);
    equal((await app.grants()).length, 1);
  },

  async "back-from-zoom"(t) {
    const { app, one, page } = await stage(t);
    await begin(page, one.link);
    await signIn(page, app.people.ada);
    await backTo(page, PAGES);
    await headed(page, "Connect KiviCare with Zoom");
    await go(page);
    await allow(page);
    await headed(page, "Connected");
    await connected(one.name, app.people.ada);
    equal((await app.grants()).length, 1);
  },

  async "back-from-the-result"(t) {
    const { app, one, page } = await stage(t);
    await consent(page, one.link, app.people.ada);
    const before = await connected(one.name, app.people.ada);
    const result = page.url();
    // At Zoom once more: another code for a consent that is over.
    await backTo(page, ZOOM);
    await allow(page);
    await headed(page, "Connected");
    equal(page.url(), result);
    equal((await app.counters()).codes_redeemed, 1);
    await backTo(page, `${PAGES}/connections`);
    await says(page, "This connection exists and works");
    await page.goForward();
    await backTo(page, `${PAGES}/connections`);
    await go(page);
    await allow(page);
    await headed(page, "Connected");
    const after = await connected(one.name, app.people.ada);
    equal(after.status.subject.userId, before.status.subject.userId);
    equal((await app.counters()).codes_redeemed, 2);
    equal((await app.grants()).length, 1);
  },

  async "reloaded-everywhere"(t) {
    const { app, one, person, page } = await stage(t);
    await visit(page, one.link);
    await page.reload();
    await headed(page, "Connect KiviCare with Zoom");
    await go(page);
    await page.reload();
    await signIn(page, app.people.ada);
    await page.reload();
    const release = await app.hold();
    await allow(page);
    await headed(page, "Almost done");
    await page.reload();
    await headed(page, "Almost done");
    // The callback has led on: there is nothing in the address that could be sent twice.
    deepEqual([new URL(page.url()).search, person.callbacks.length], ["", 1]);
    await release();
    await headed(page, "Connected");
    await page.reload();
    await headed(page, "Connected");
    await connected(one.name, app.people.ada);
    equal((await app.counters()).codes_redeemed, 1);
  },

  async "two-tabs-two-connections"(t) {
    const { app, one, person, page } = await stage(t);
    const other = await connection(app, "alan");
    const tab = await person.page();
    await begin(page, one.link);
    await begin(tab, other.link);
    await signIn(page, app.people.ada);
    await signIn(tab, app.people.alan);
    equal((await person.cookies()).length, 2);
    await allow(tab);
    await headed(tab, "Connected");
    // The session at Zoom is the same for both tabs.
    await page.reload();
    await switchTo(page, app.people.ada);
    await allow(page);
    await headed(page, "Connected");
    await connected(one.name, app.people.ada);
    await connected(other.name, app.people.alan);
    equal((await app.grants()).length, 2);
    await tab.reload();
    await says(tab, `a***@${app.people.alan.split("@")[1]}`);
  },

  async "two-tabs-one-connection"(t) {
    const { app, one, person, page } = await stage(t);
    const tab = await person.page();
    await begin(page, one.link);
    await begin(tab, one.link);
    await signIn(page, app.people.ada);
    await tab.reload();
    await allow(tab);
    await headed(tab, "Connected");
    await allow(page);
    await headed(page, "Connected");
    await tab.reload();
    // The newer authorization counts, and the older page does not claim to be waiting for ever.
    await connected(one.name, app.people.ada);
    equal((await app.grants()).length, 1);
  },

  async "more-beginnings-than-cookies"(t) {
    const { app, one, person, page } = await stage(t);
    await begin(page, one.link);
    await signIn(page, app.people.ada);
    for (let time = 0; time < 11; time++) await begin(page, one.link);
    const cookies = await person.cookies();
    equal(cookies.length <= 10, true, `${cookies.length} cookies`);
    await allow(page);
    await headed(page, "Connected");
    await connected(one.name, app.people.ada);
  },

  async "deleted-half-way"(t) {
    const { app, one, page } = await stage(t);
    await begin(page, one.link);
    await signIn(page, app.people.ada);
    const { metadata } = await get("zoomconnections", one.name);
    await remove("zoomconnections", one.name);
    await until("it is gone", async () => (await find("zoomconnections", one.name))?.metadata.uid !== metadata.uid);
    await allow(page);
    await headed(page, "This connection no longer exists");
    equal((await app.grants()).length, 0);
  },
};
