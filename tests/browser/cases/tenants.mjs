// A customer whose connection lies in a namespace of its own; the app lies in the platform's.

import { deepEqual, equal, match } from "node:assert/strict";
import { becomes, connection, create, customers, find, get, list, namespace, tenant } from "../cluster.mjs";
import { ZOOM } from "../browser.mjs";
import { allow, bearer, begin, connected, headed, says, shoot, signIn, visit } from "../steps.mjs";
import { until } from "../wait.mjs";

const SHARED = { management: "Admin", scopes: ["user:read:user:admin"], allowedNamespaces: { from: "All" } };

/** A page of a customer says nothing of where the app lies, and has none of its secrets. */
async function tellsNothing(page, app) {
  const html = await page.content();
  for (const hidden of [`${namespace} /`, app.clientSecret, app.account]) {
    equal(html.includes(hidden), false, `${page.url()} has ${hidden.slice(0, 8)}...`);
  }
}

/** The customer's connection of this app, with a token that works; the platform's namespace has nothing of it. */
async function belongs(t, app, name, mail) {
  const { status } = await connected(name, mail, customers);
  equal(status.account.id, app.account, "the consent proves the account");
  const secret = `${name}-zoom-token`;
  equal(await bearer(secret, t.bed.zoom, customers), mail);
  equal(await find("secrets", secret), undefined, "a token in the platform's namespace");
  deepEqual((await list("zoomconnections")).filter(({ spec }) => spec.integrationRef.name === app.name), []);
}

export default {
  async "one-click-for-a-customer"(t) {
    const app = await tenant(SHARED);
    const { ada } = app.people;
    const { name, link } = await connection(app, "clinic", {}, { where: customers });
    match(link, new RegExp(`/connections/${customers}/${name}/`));
    const page = await (await t.person()).page();
    await visit(page, link);
    await headed(page, "Connect KiviCare with Zoom");
    await says(page, `${customers} / ${name}`, "user:read:user:admin");
    await tellsNothing(page, app);
    await shoot(page, "customer");
    await begin(page, link);
    equal(new URL(page.url()).origin, ZOOM);
    await signIn(page, ada);
    await allow(page);
    await headed(page, "Connected");
    await tellsNothing(page, app);
    await belongs(t, app, name, ada);
    await until("the app counts it", async () => {
      const { status } = await get("zoomintegrations", app.name);
      return status.connections?.connected === 1;
    });
  },

  async "a-customer-from-the-marketplace"(t) {
    const template = { namespace: customers };
    const app = await tenant({ ...SHARED, consent: { selfService: { template } } });
    const { ada } = app.people;
    const page = await (await t.person()).page();
    await visit(page, `${ZOOM}/marketplace/install?client_id=${app.clientId}`);
    await signIn(page, ada);
    await allow(page);
    await headed(page, "One more step");
    await page.getByRole("button", { name: "Continue to Zoom" }).click();
    await allow(page);
    await headed(page, "Connected");
    await tellsNothing(page, app);
    const made = (await list("zoomconnections", { where: customers })).filter(({ spec }) => spec.integrationRef.name === app.name);
    equal(made.length, 1);
    equal(made[0].spec.integrationRef.namespace, namespace);
    await belongs(t, app, made[0].metadata.name, ada);
    equal((await app.counters()).codes_redeemed, 1);
  },

  async "a-namespace-that-is-not-allowed"(t) {
    const app = await tenant({ ...SHARED, allowedNamespaces: { from: "Same" } });
    const full = `${app.name}-clinic`;
    const object = {
      apiVersion: "zoom-operator.io/v1alpha1",
      kind: "ZoomConnection",
      metadata: { name: full },
      spec: { integrationRef: { name: app.name, namespace } },
    };
    await create("zoomconnections", object, customers);
    await becomes(full, "NamespaceNotAllowed", customers);
    const { status } = await get("zoomconnections", full, customers);
    equal(status.installUrl, undefined, "a link that leads nowhere");
    equal((await app.counters()).codes_redeemed, 0);
  },
};
