// The handout for the customer's administrator, as it is opened from a mail: on a desk, on a phone, in the dark, on paper.

import { deepEqual, equal } from "node:assert/strict";
import axe from "axe-core";
import { connection, get, kubectl, secretKey, tenant } from "../cluster.mjs";
import { shoot } from "../steps.mjs";
import { until } from "../wait.mjs";

const SCOPES = ["user:read:user", "meeting:read:meeting", "meeting:write:meeting"];
const WEBHOOK = {
  subscriptions: [{ name: "Meetings", events: ["meeting.started", "meeting.ended"] }],
  endpoint: { host: "kivicare.hooks.example.com", path: "/zoom/events" },
  sink: { http: { serviceRef: { name: "sink" } } },
};

const written = (name, language, ...more) =>
  kubectl("exec", "deploy/zoom-operator", "--", "/zoom-operator", "handout", name, "--format=html", `--language=${language}`, ...more);

/** What axe finds. */
async function violations(page) {
  await page.evaluate(axe.source);
  const run = () => axe.run(document, { runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"] } });
  return (await page.evaluate(run)).violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
}

export default {
  async "reads-well-and-loads-nothing"(t) {
    const app = await tenant({ scopes: SCOPES, webhook: WEBHOOK });
    const { link } = await connection(app, "ada", { subject: { displayName: "Dr. Ada Lovelace" } });
    await until("the link is among the steps", async () => {
      const { status } = await get("zoomintegrations", app.name);
      return JSON.stringify(status.setup ?? []).includes(link);
    });
    const secret = await get("secrets", `${app.name}-credentials`);
    for (const [language, title] of [["en", "Setting up KiviCare in Zoom"], ["ja", "Zoom での KiviCare の設定手順"]]) {
      // Made to be mailed: a personal link is in it only for who asks for it.
      equal((await written(app.name, language)).includes(link), false, "a personal link");
      const html = await written(app.name, language, "--links");
      for (const key of ["client-secret", "account-id"]) equal(html.includes(secretKey(secret, key)), false, key);
      // A request to anybody would be noticed when the person leaves.
      const person = await t.person({ locale: language });
      const page = await person.page();
      await page.setContent(html);
      equal(await page.getByRole("heading", { level: 1 }).innerText(), title);
      equal(await page.locator("ol > li").count() > 5, true);
      equal(await page.locator(`a[href="${link}"]`).count(), 1);
      for (const text of [`https://connect.test/callback/`, "https://kivicare.hooks.example.com/zoom/events", ...SCOPES]) {
        equal(await page.getByText(text).first().isVisible(), true, text);
      }
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        deepEqual(await violations(page), [], `${language}, ${colorScheme}`);
      }
      await shoot(page, `handout-${language}`);
      await page.emulateMedia({ media: "print" });
      await shoot(page, `handout-${language}-print`, [""]);
      await page.emulateMedia({ media: "screen" });
      await page.setViewportSize({ width: 320, height: 640 });
      equal(await page.evaluate(() => document.documentElement.scrollWidth), 320, "too wide for 320 px");
    }
  },
};
