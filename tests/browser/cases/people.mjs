// Whether it is the right person, and whether they allowed enough.

import { deepEqual, equal } from "node:assert/strict";
import { becomes, connection, find, get, tenant } from "../cluster.mjs";
import { allow, bearer, connected, consent, go, headed, says, shoot, switchTo } from "../steps.mjs";

const FAILED = "The connection was not made";

export default {
  async "wrong-person-then-the-right-one"(t) {
    const app = await tenant();
    const { ada, alan } = app.people;
    const { name, link, secret } = await connection(app, "alan", { subject: { email: alan } });
    const page = await (await t.person()).page();
    await consent(page, link, ada, FAILED);
    await says(page, "The Zoom user who authorized is not the one this link is for.");
    equal((await page.locator("body").innerText()).includes(alan), false, "the expected address is told");
    await shoot(page, "wrong-person");
    await page.getByRole("link", { name: "日本語" }).click();
    await says(page, "このリンクの対象とは異なる Zoom ユーザー");
    await page.getByRole("link", { name: "English" }).click();
    equal(await find("secrets", secret), undefined);
    const { status: before } = await get("zoomconnections", name);
    deepEqual([before.consent.outcome, before.consent.reason], ["Failed", "WrongSubject"]);
    equal(before.phase, "Ready to install");

    await page.getByRole("link", { name: "Start again" }).click();
    await headed(page, "Connect KiviCare with Zoom");
    await go(page);
    await switchTo(page, alan);
    await allow(page);
    await headed(page, "Connected");
    const { status } = await connected(name, alan);
    equal(status.installUrl, link);
    equal(await bearer(secret, t.bed.zoom), alan);
  },

  async "somebody-else-after-the-first"(t) {
    const app = await tenant();
    const { ada, alan } = app.people;
    const { name, link, secret } = await connection(app, "whoever");
    await consent(await (await t.person()).page(), link, ada);
    const page = await (await t.person()).page();
    await consent(page, link, alan, FAILED);
    await says(page, "The Zoom user who authorized is not the one");
    // The first one's connection works on.
    await connected(name, ada);
    equal(await bearer(secret, t.bed.zoom), ada);
  },

  async "one-person-two-connections"(t) {
    const app = await tenant();
    const first = await connection(app, "first");
    const second = await connection(app, "second");
    await consent(await (await t.person()).page(), first.link, app.people.ada);
    await connected(first.name, app.people.ada);
    const page = await (await t.person()).page();
    await consent(page, second.link, app.people.ada, FAILED);
    await says(page, "This Zoom user is connected already");
    await shoot(page, "connected-elsewhere", [""]);
    equal(await find("secrets", second.secret), undefined);
  },

  async "missing-scopes-then-all"(t) {
    const scopes = ["user:read:user", "meeting:read:meeting"];
    const app = await tenant({ scopes, app: { scopes: scopes.slice(0, 1) } });
    const { name, link } = await connection(app, "ada");
    const page = await (await t.person()).page();
    await consent(page, link, app.people.ada, "Connected, but permissions are missing");
    await says(page, "not all required permissions were granted.");
    await shoot(page, "missing-scopes");
    const object = await becomes(name, "MissingScopes");
    equal(object.status.phase, "Missing scopes");
    deepEqual(object.status.scopes.missing, scopes.slice(1));

    await app.change({ scopes });
    await page.getByRole("link", { name: "Start again" }).click();
    await headed(page, "Connect KiviCare with Zoom");
    await go(page);
    await allow(page);
    await headed(page, "Connected");
    const { status } = await connected(name, app.people.ada);
    deepEqual(status.scopes.missing ?? [], []);
  },

  async "credentials-that-zoom-does-not-take"(t) {
    const app = await tenant();
    const { name, link } = await connection(app, "ada");
    await app.change({ client_secret: "another" });
    const page = await (await t.person()).page();
    await consent(page, link, app.people.ada, FAILED);
    await says(page, "Zoom does not accept the app's own credentials.");
    await app.change({ client_secret: app.clientSecret });
    equal((await get("zoomconnections", name)).status.consent.outcome, "Failed");
  },
};
