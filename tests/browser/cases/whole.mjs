// The whole way, from the link to a token that works.

import { deepEqual, equal, match } from "node:assert/strict";
import { connection, find, get, kubectl, ready, tenant } from "../cluster.mjs";
import { allow, bearer, begin, connected, headed, says, shoot, signIn, visit } from "../steps.mjs";
import { until } from "../wait.mjs";

const SCOPES = ["user:read:user", "meeting:read:meeting", "meeting:write:meeting", "cloud_recording:read:list_user_recordings"];

export default {
  async "link-page-zoom-connected-token"(t) {
    const app = await tenant({ scopes: SCOPES });
    const { ada } = app.people;
    const spec = { subject: { displayName: "Dr. Ada Lovelace", email: ada } };
    const { name, link, secret } = await connection(app, "ada", spec, { typed: true });
    const { page: open, cookies } = await t.person();
    const page = await open();

    await visit(page, link);
    await headed(page, "Connect KiviCare with Zoom");
    await says(page, "Hello Dr. Ada Lovelace,", "KiviCare", app.name, "See user profiles", "See meetings", "Create meetings");
    await says(page, ...SCOPES, `a***@${ada.split("@")[1]}`);
    equal((await cookies()).length, 0, "nothing is kept of who only looks");
    await shoot(page, "start");
    await begin(page, link);
    await shoot(page, "zoom-sign-in", [""]);
    await signIn(page, ada);
    match(await page.locator("#scopes").innerText(), /meeting:write:meeting/);
    await shoot(page, "zoom-consent", [""]);

    const release = await app.hold();
    await allow(page);
    await headed(page, "Almost done");
    await shoot(page, "pending");
    equal(await find("secrets", secret), undefined, "a token before Zoom gave one");
    await release();
    // By itself.
    await headed(page, "Connected");
    await says(page, `The connection belongs to a***@${ada.split("@")[1]}.`);
    await shoot(page, "connected");

    const object = await connected(name, ada);
    deepEqual(object.status.scopes.granted.toSorted(), SCOPES.toSorted());
    match(await kubectl("get", "zconn", name), /Connected +True +Connected/);
    equal(await bearer(secret, t.bed.zoom), ada);
    const integration = await until("the integration counts it", async () => {
      const one = await get("zoomintegrations", app.name);
      return one.status.connections?.connected === 1 && ready(one)?.status === "True" && one;
    });
    equal(ready(integration).reason, "Connected");
    deepEqual(integration.status.connections, { total: 1, connected: 1 });
    equal((await app.counters()).codes_redeemed, 1);

    // The link still leads somewhere.
    await visit(page, link);
    await says(page, "This connection exists and works", "Authorize again");
    await shoot(page, "connected-already");
  },

  async "without-javascript"(t) {
    const app = await tenant();
    const { name, link } = await connection(app, "ada");
    const { page: open } = await t.person({ javaScriptEnabled: false });
    const page = await open();
    await begin(page, link);
    await signIn(page, app.people.ada);
    const release = await app.hold();
    await allow(page);
    await headed(page, "Almost done");
    await release();
    await headed(page, "Connected");
    await connected(name, app.people.ada);
  },

  async "in-japanese"(t) {
    const app = await tenant({ scopes: SCOPES, displayName: "きびケア" });
    const spec = { subject: { displayName: "山田 花子", email: app.people.ada } };
    const { name, link } = await connection(app, "ada", spec);
    const { page: open } = await t.person({ locale: "ja-JP" });
    const page = await open();
    const language = () => page.locator("html").getAttribute("lang");
    await visit(page, link);
    await headed(page, "きびケア を Zoom に接続");
    equal(await language(), "ja");
    await says(page, "山田 花子 様", "ミーティングの表示");
    await shoot(page, "start-ja");
    await page.getByRole("link", { name: "English" }).click();
    await headed(page, "Connect きびケア with Zoom");
    equal(await language(), "en");
    await page.getByRole("link", { name: "日本語" }).click();
    await headed(page, "きびケア を Zoom に接続");
    await page.getByRole("button", { name: "Zoom に進む" }).click();
    await signIn(page, app.people.ada);
    const release = await app.hold();
    await allow(page);
    await headed(page, "まもなく完了します");
    await shoot(page, "pending-ja", [""]);
    await release();
    await headed(page, "接続が完了しました");
    equal(await language(), "ja");
    await shoot(page, "connected-ja");
    await connected(name, app.people.ada);
  },

  async "the-language-that-was-chosen-stays"(t) {
    const app = await tenant();
    const { name, link } = await connection(app, "ada");
    // The browser says English, the person Japanese.
    const { page: open } = await t.person();
    const page = await open();
    await visit(page, link);
    await page.getByRole("link", { name: "日本語" }).click();
    await page.getByRole("button", { name: "Zoom に進む" }).click();
    await signIn(page, app.people.ada);
    await allow(page);
    await headed(page, "接続が完了しました");
    await page.getByRole("link", { name: "English" }).click();
    await headed(page, "Connected");
    await connected(name, app.people.ada);
  },
};
