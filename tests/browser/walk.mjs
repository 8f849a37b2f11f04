// Runs the cases and prints a line for each; see run.

import { rmSync } from "node:fs";
import * as browser from "./browser.mjs";
import * as cluster from "./cluster.mjs";
import * as front from "./front.mjs";

const AT_ONCE = 4;

rmSync("target/tests/browser", { recursive: true, force: true });
const subjects = ["whole", "refused", "again", "people", "handout", "marketplace", "tenants", "outside", "restarted", "logs"];
const all = [];
for (const subject of subjects) {
  const { default: cases } = await import(`./cases/${subject}.mjs`);
  for (const [name, run] of Object.entries(cases)) all.push({ name: `${subject}/${name}`, subject, run });
}
const words = process.argv.slice(2);
const chosen = all.filter(({ name }) => !words.length || words.some((word) => name.includes(word)));
// What disturbs the others, or judges them, comes after them.
const alone = ["restarted", "logs"];

const counted = { ok: 0, FAIL: 0 };
const bed = { directory: process.env.WORK };

async function run({ name, run }) {
  const opened = [];
  const t = {
    bed,
    person: async (options) => {
      const one = await browser.person(options);
      opened.push(one);
      return one;
    },
  };
  const started = Date.now();
  const failures = [];
  await run(t).catch(async (error) => {
    failures.push(error);
    await Promise.all(opened.map(({ context }, at) => pictures(context, `${name}-${at}`)));
  });
  for (const one of opened) await one.leave().catch((error) => failures.push(error));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const verdict = failures.length ? "FAIL" : "ok";
  counted[verdict] += 1;
  const why = failures.map(({ message }) => message.replace(/\s+/g, " ")).join("; and ");
  console.log(failures.length ? `FAIL ${name}: ${why}` : `ok ${name} (${seconds} s)`);
}

/** What the pages of a failed case looked like. */
async function pictures(context, name) {
  for (const [at, page] of context.pages().entries()) {
    const path = `target/tests/browser/failed/${name.replaceAll("/", "-")}-${at}.png`;
    await page.screenshot({ path, timeout: 5000 }).catch(() => {});
    console.error(`   ${path}: ${page.url().split("?")[0]}`);
  }
}

let stop = () => {};
try {
  await cluster.start();
  const [pages, zoom] = await Promise.all([
    cluster.reach("zoom-operator-connect", 80),
    cluster.reach("zoom-sim", 80),
  ]);
  bed.zoom = zoom;
  stop = await front.start(pages, zoom, bed.directory);
  const version = await browser.launch(bed.directory);
  console.error(`==> ${chosen.length} cases in Chromium ${version}`);
  const queue = chosen.filter(({ subject }) => !alone.includes(subject));
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await run(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  for (const last of chosen.filter(({ subject }) => alone.includes(subject))) await run(last);
} catch (error) {
  counted.FAIL += 1;
  console.log(`FAIL bed: ${error.message}`);
} finally {
  await browser.close();
  stop();
  cluster.stop();
}
console.log(`${counted.ok} passed, ${counted.FAIL} failed`);
process.exitCode = counted.FAIL ? 1 : 0;
