// What a person does.

import { equal } from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { becomes, get, ready, secretKey } from "./cluster.mjs";
import { PAGES, ZOOM } from "./browser.mjs";
import { until } from "./wait.mjs";

const SHOTS = "target/tests/browser";
mkdirSync(SHOTS, { recursive: true });

/** The page that a busy cluster may bring, and its button, which a person would press. */
const LATER = ["Please try again in a moment", "しばらくしてからもう一度お試しください"];

/** Waits for a page of this heading. */
export async function headed(page, title) {
  const wanted = page.getByRole("heading", { level: 1, name: title, exact: true });
  const later = page.getByRole("heading", { level: 1, name: new RegExp(LATER.join("|")) });
  while (!(await wanted.isVisible())) {
    await wanted.or(later).waitFor();
    if (await later.isVisible()) await press(page);
  }
}

/** Presses the one button of a page of ours, and waits for what comes. */
export const press = (page) =>
  Promise.all([page.waitForEvent("load"), page.locator("main .button, main button").click()]);

/** From a page of ours with a button to Zoom's. */
export async function go(page) {
  while (!page.url().startsWith(ZOOM)) await press(page);
}

/** The words of the page, without its header. */
export const words = (page) => page.locator("main").innerText();

export async function says(page, ...texts) {
  const all = await words(page);
  for (const text of texts) if (!all.includes(text)) throw new Error(`the page does not say "${text}": ${all}`);
}

/** Opens an address, once more when a busy cluster gives the pages no answer in time; the answer. */
export const visit = (page, url) =>
  until(`an answer at ${new URL(url).pathname}`, async () => {
    const reply = await page.goto(url);
    return reply?.status() !== 503 && { status: () => reply?.status() };
  });

/** Follows a link and presses the button; then at Zoom. */
export async function begin(page, link) {
  await visit(page, link);
  await go(page);
}

export async function signIn(page, mail) {
  await page.fill("#email", mail);
  await page.fill("#password", "a password");
  await page.click("#sign-in");
  await page.locator("#allow").waitFor();
}

/** Signs in as somebody else. */
export async function switchTo(page, mail) {
  await page.click("#sign-out");
  await signIn(page, mail);
}

export const allow = (page) => page.click("#allow");

/** The whole way, up to the result page of this heading. */
export async function consent(page, link, mail, title = "Connected") {
  await begin(page, link);
  await signIn(page, mail);
  await allow(page);
  await headed(page, title);
}

/** Waits until a connection is there, of this person, with a token that works; the connection. */
export async function connected(name, mail, where) {
  const object = await becomes(name, "Connected", where);
  equal(ready(object).status, "True");
  equal(object.status.subject.email, mail);
  return object;
}

/** Who the token of a Secret is, as Zoom says; `direct` is Zoom's address for this machine. */
export async function bearer(secret, direct, where) {
  const token = secretKey(await get("secrets", secret, where), "access-token");
  const reply = await fetch(`http://${direct}/v2/users/me`, { headers: { authorization: `Bearer ${token}` } });
  equal(reply.status, 200);
  return (await reply.json()).email;
}

/** Pictures of a page: for a desk, for a phone, and in the dark. Nothing may hang over the side. */
export async function shoot(page, name, looks = ["", "-phone", "-dark"]) {
  const before = page.viewportSize();
  for (const look of looks) {
    const width = look === "-phone" ? 360 : 1000;
    await page.emulateMedia({ colorScheme: look === "-dark" ? "dark" : "light" });
    await page.setViewportSize({ width, height: 640 });
    await page.screenshot({ path: `${SHOTS}/${name}${look}.png`, fullPage: true });
  }
  if (page.url().startsWith(PAGES)) {
    await page.setViewportSize({ width: 320, height: 640 });
    // It may be loaded again in the middle of it.
    const width = () => page.evaluate(() => document.documentElement.scrollWidth).catch(() => 0);
    equal(await until("the width", width), 320, `${name} is too wide for 320 px`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(before);
}
