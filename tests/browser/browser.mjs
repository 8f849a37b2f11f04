// Chromium, and what it is not to see on any page: an error in the console, a policy that was violated, an answer of
// ours without its guard, a request to anybody else.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { namespace } from "./cluster.mjs";
import { limit } from "./wait.mjs";

export const PAGES = "https://connect.test";
export const ZOOM = `http://zoom-sim.${namespace}.svc`;

const COOKIE = /^__Host-zoom-[0-9a-f]{16}$/;
const GUARD = {
  "content-security-policy": `default-src 'none'; style-src 'self'; form-action 'self' ${ZOOM}; base-uri 'none'; frame-ancestors 'none'`,
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "strict-transport-security": "max-age=31536000",
};

/** What must stand in no log: codes, states, challenges and cookies that were seen. */
export const secrets = new Set();

let chrome;

export async function launch(directory) {
  chrome = await chromium.launch({
    executablePath: fileURLToPath(new URL("chromium", import.meta.url)),
    headless: true,
    // As root there is no sandbox, and in a network of its own it is root.
    chromiumSandbox: false,
    args: [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-proxy-server",
      `--host-resolver-rules=MAP ${new URL(ZOOM).host} 127.0.0.1, MAP connect.test 127.0.0.1, MAP * ~NOTFOUND`,
      `--ignore-certificate-errors-spki-list=${readFileSync(`${directory}/spki`, "utf8").trim()}`,
    ],
  });
  return chrome.version();
}

export const close = () => chrome?.close();

/** A person's browser: a context of its own, watched. */
export async function person(options = {}) {
  const context = await chrome.newContext({
    locale: "en-US",
    viewport: { width: 1000, height: 800 },
    reducedMotion: "reduce",
    ...options,
  });
  context.setDefaultTimeout(limit);
  context.setDefaultNavigationTimeout(limit);
  const problems = [];
  const callbacks = [];
  const checks = [];
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol === "chrome-error:" || url.protocol === "about:") return;
    if (![PAGES, ZOOM].includes(url.origin)) problems.push(`a request to ${url.origin}`);
    for (const name of ["code", "state", "code_challenge"]) {
      const value = url.searchParams.get(name);
      if (value?.length >= 20) secrets.add(value);
    }
    if (url.origin === PAGES && url.pathname.startsWith("/callback/")) callbacks.push(url.href);
    const referer = request.headers().referer;
    if (url.origin !== PAGES && referer?.startsWith(PAGES)) problems.push(`Zoom is told ${new URL(referer).pathname}`);
  });
  context.on("response", (response) => {
    if (!response.url().startsWith(`${PAGES}/`) || response.status() === 204) return;
    checks.push(response.allHeaders().then((headers) => check(response, headers, problems), () => {}));
  });
  context.on("console", (message) => {
    const text = message.text();
    // Chromium's own note on a page that refuses, which is the page that is looked at. Zoom's has no icon.
    const page = /^Failed to load resource: the server responded with a status of [45]/.test(text);
    const ourIcon = message.location().url.startsWith(`${PAGES}/favicon.ico`);
    if (["error", "warning"].includes(message.type()) && !(page && !ourIcon)) problems.push(`console: ${text}`);
  });
  context.on("weberror", (error) => problems.push(`script: ${error.error()}`));
  return {
    context,
    problems,
    callbacks,
    page: () => context.newPage(),
    cookies: async () => (await context.cookies(PAGES)).filter(({ name }) => COOKIE.test(name)),
    leave: async () => {
      await Promise.all(checks);
      await context.close();
      if (problems.length) throw new Error([...new Set(problems)].join("; "));
    },
  };
}

function check(response, headers, problems) {
  const path = new URL(response.url()).pathname;
  const asset = ["/style.css", "/favicon.ico"].includes(path);
  for (const [name, value] of Object.entries(GUARD)) {
    // From its cache Chromium gives everything but this.
    if (asset && name === "strict-transport-security") continue;
    if (headers[name] !== value) problems.push(`${path}: ${name} is ${headers[name]}`);
  }
  if (!asset && headers["cache-control"] !== "no-store") problems.push(`${path} may be kept`);
  noteCookies(headers["set-cookie"], path, problems);
}

function noteCookies(lines, path, problems) {
  for (const line of (lines ?? "").split("\n").filter(Boolean)) {
    const [pair, ...attributes] = line.split("; ");
    const at = pair.indexOf("=");
    if (pair.length > at + 1) secrets.add(pair.slice(at + 1));
    const wanted = ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"];
    if (!COOKIE.test(pair.slice(0, at)) || wanted.some((one) => !attributes.includes(one))) {
      problems.push(`${path}: the cookie ${pair.slice(0, at)} has ${attributes}`);
    }
  }
}
