// Installs that begin in Zoom's Marketplace, and people who connect themselves.

import { deepEqual, equal } from "node:assert/strict";
import { get, list, patch, tenant } from "../cluster.mjs";
import { ZOOM } from "../browser.mjs";
import { allow, bearer, begin, connected, consent, headed, says, shoot, signIn, visit } from "../steps.mjs";
import { until } from "../wait.mjs";

const install = (app) => `${ZOOM}/marketplace/install?client_id=${app.clientId}`;

const connections = async (app) =>
  (await list("zoomconnections")).filter(({ spec }) => spec.integrationRef.name === app.name);

export default {
  async "an-installation-that-began-in-the-marketplace"(t) {
    const app = await tenant({ consent: { selfService: {} } });
    const person = await t.person();
    const page = await person.page();
    await visit(page, install(app));
    await signIn(page, app.people.ada);
    await allow(page);
    await headed(page, "One more step");
    await shoot(page, "marketplace");
    deepEqual((await app.counters()).code_requests_by_outcome, {}, "its code was redeemed");
    deepEqual(await connections(app), []);
    equal((await person.cookies()).length, 0);
    await page.getByRole("button", { name: "Continue to Zoom" }).click();
    await allow(page);
    await headed(page, "Connected");
    const [{ metadata }] = await connections(app);
    await connected(metadata.name, app.people.ada);
    equal((await app.counters()).codes_redeemed, 1);
  },

  async "an-installation-without-self-service"(t) {
    const app = await tenant();
    const page = await (await t.person()).page();
    await visit(page, install(app));
    await signIn(page, app.people.ada);
    await allow(page);
    await headed(page, "One more step");
    await says(page, "Please open the link that your administrator sent you to connect it.");
    equal(await page.locator("main button, main a").count(), 0);
    deepEqual((await app.counters()).code_requests_by_outcome, {});
  },

  async "self-service-up-to-the-limit"(t) {
    const app = await tenant({ consent: { selfService: { maxConnections: 2 } } });
    for (const who of ["ada", "alan"]) {
      const page = await (await t.person()).page();
      await consent(page, app.link, app.people[who]);
    }
    const made = await connections(app);
    equal(made.length, 2);
    const mails = [];
    for (const { metadata } of made) mails.push(await bearer(`${metadata.name}-zoom-token`, t.bed.zoom));
    deepEqual(mails.toSorted(), [app.people.ada, app.people.alan].toSorted());
    await until("both are counted", async () => {
      const { status } = await get("zoomintegrations", app.name);
      return status.connections?.connected === 2;
    });
    const page = await (await t.person()).page();
    const reply = await visit(page, app.link);
    equal(reply.status(), 409);
    await headed(page, "No more connections can be made");
    await shoot(page, "full", ["", "-phone"]);
    equal((await connections(app)).length, 2);
  },

  async "suspended-before-the-click"(t) {
    const app = await tenant({ consent: { selfService: {} } });
    const page = await (await t.person()).page();
    await visit(page, app.link);
    await patch("zoomintegrations", app.name, { spec: { suspend: true } });
    await page.locator("form.actions button").click();
    await headed(page, "This app is not ready yet");
    await shoot(page, "not-ready", ["", "-phone"]);
    await patch("zoomintegrations", app.name, { spec: { suspend: false } });
    await begin(page, app.link);
  },
};
