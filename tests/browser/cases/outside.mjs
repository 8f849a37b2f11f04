// Other sites, other ways to use a browser.

import axe from "axe-core";
import { deepEqual, equal } from "node:assert/strict";
import { connection, tenant } from "../cluster.mjs";
import { PAGES, ZOOM } from "../browser.mjs";
import { allow, begin, connected, consent, headed, signIn, visit } from "../steps.mjs";
import { until } from "../wait.mjs";

/** Presses Tab until this has the focus. */
async function tabTo(page, locator) {
  for (let time = 0; time < 10; time++) {
    await page.keyboard.press("Tab");
    if (await locator.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error("it cannot be reached by Tab");
}

/** What axe finds; the page's own refresh is how it goes on without a script. */
async function judge(page, what) {
  await page.evaluate(axe.source);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await page.evaluate((values) => axe.run(document, { runOnly: { type: "tag", values } }), tags);
    const found = violations
      .filter(({ id }) => id !== "meta-refresh")
      .map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ html }) => html).join(", ")}`);
    deepEqual(found, [], `${what}, ${colorScheme}`);
  }
}

export default {
  async "by-keyboard-alone"(t) {
    const app = await tenant();
    const { name, link } = await connection(app, "ada");
    const page = await (await t.person()).page();
    await visit(page, link);
    const button = page.locator("form.actions button");
    await tabTo(page, button);
    const outline = await button.evaluate((element) => getComputedStyle(element).outlineStyle);
    equal(outline, "solid", "the focus can be seen");
    await page.screenshot({ path: "target/tests/browser/start-focus.png" });
    const enter = async () => {
      while (!page.url().startsWith(ZOOM)) {
        await tabTo(page, page.locator("main .button, main button"));
        await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
      }
    };
    await enter();
    await page.locator("#email").focus();
    await page.keyboard.type(app.people.ada);
    await page.keyboard.press("Tab");
    await page.keyboard.type("a password");
    await page.keyboard.press("Enter");
    await tabTo(page, page.locator("#decline"));
    await page.keyboard.press("Enter");
    await headed(page, "You declined");
    await tabTo(page, page.getByRole("link", { name: "Start again" }));
    await page.keyboard.press("Enter");
    await headed(page, "Connect KiviCare with Zoom");
    await enter();
    await tabTo(page, page.locator("#allow"));
    await page.keyboard.press("Enter");
    await headed(page, "Connected");
    await connected(name, app.people.ada);
  },

  async "accessible-to-all"(t) {
    const app = await tenant({ scopes: ["user:read:user", "meeting:read:meeting"] });
    const { link } = await connection(app, "ada", { subject: { displayName: "Ada", email: app.people.ada } });
    // The judge is a script, which the pages' policy would not let in.
    const page = await (await t.person({ bypassCSP: true })).page();
    await visit(page, link);
    await judge(page, "start");
    await visit(page, `${link}?lang=ja`);
    await judge(page, "start in Japanese");
    await visit(page, PAGES);
    await judge(page, "index");
    await visit(page, `${PAGES}/nothing`);
    await judge(page, "unknown");
    await begin(page, link);
    await signIn(page, app.people.ada);
    await page.click("#decline");
    await headed(page, "You declined");
    await judge(page, "declined");
    await begin(page, link);
    await page.locator("#allow").waitFor();
    const release = await app.hold();
    await allow(page);
    await headed(page, "Almost done");
    // It may be loaded again in the middle of it.
    await until("the judgement on the pending page", () =>
      judge(page, "pending").then(
        () => true,
        (error) => {
          if (!/context was destroyed|axe is not defined|navigat/i.test(error.message)) throw error;
        },
      ),
    );
    await release();
    await headed(page, "Connected");
    await judge(page, "connected");
    await visit(page, link);
    await judge(page, "start of who is connected");
  },

  async "enlarged-and-narrow"(t) {
    const app = await tenant({ displayName: "Donaudampfschifffahrtsgesellschaftspatientenamt" });
    const subject = { displayName: "Dr. Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh" };
    const { link } = await connection(app, "ada", { subject });
    // 1280 px at four times the size (WCAG 1.4.10).
    const page = await (await t.person({ viewport: { width: 320, height: 256 } })).page();
    await visit(page, link);
    equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
    await page.screenshot({ path: "target/tests/browser/start-long-words.png", fullPage: true });
  },

  async "another-site's-form"(t) {
    const app = await tenant();
    const { name, link } = await connection(app, "ada");
    const person = await t.person();
    const page = await person.page();
    await visit(page, `${ZOOM}/oauth/authorize`);
    await page.evaluate((action) => {
      const form = Object.assign(document.createElement("form"), { method: "post", action });
      document.body.append(form);
      form.submit();
    }, link);
    await headed(page, "Please begin on this site");
    equal((await person.cookies()).length, 0);
    await consent(page, link, app.people.ada);
    await connected(name, app.people.ada);
  },

  async "another-site's-frame"(t) {
    const app = await tenant();
    const { link } = await connection(app, "ada");
    const person = await t.person();
    const page = await person.page();
    await visit(page, `${ZOOM}/oauth/authorize`);
    await Promise.all([
      page.waitForEvent("console", (message) => /frame-ancestors|X-Frame-Options/i.test(message.text())),
      page.evaluate((src) => document.body.append(Object.assign(document.createElement("iframe"), { src })), link),
    ]);
    equal(await page.frames().at(-1).locator("form.actions button").count(), 0);
    // Of that the browser complains, as it should.
    person.problems.length = 0;
  },
};
