// Rivet, Zoom's own library, as a customer's General app: its install pages, and what becomes of its connection when
// refreshes meet, since Zoom gives no grace to a refresh token that has been used. Started by `run`; one line per case.

import { createRequire } from "node:module";
import axios from "axios";
import { UsersOAuthClient } from "@zoom/rivet/users";

import { admin, equal, refusal, test } from "./lib/cases.mjs";
import { Ledger } from "./lib/ledger.mjs";
import { Person } from "./lib/person.mjs";

const { ZOOM } = process.env;
const APP = "peers-refresh";
const ACCOUNT = "peers-account";
const SCOPES = ["user:read:user"];
// Rivet's own path, on the host of which the installer options tell.
const CALLBACK = "https://app.example.com/zoom/oauth/callback";
const AT_ONCE = 10;

const ledger = new Ledger();

// === rivet ===

// Rivet has Zoom's address built in, so its HTTP client is told another. It has to be the very one that rivet uses.
const ZOOMS = "https://zoom.us/";
const rivets = createRequire(createRequire(import.meta.url).resolve("@zoom/rivet/users"));
equal(rivets.resolve("axios"), createRequire(import.meta.url).resolve("axios"));
const { version } = rivets("../package.json");

const here = (url) => (url.startsWith(ZOOMS) ? `${ZOOM}/${url.slice(ZOOMS.length)}` : url);
axios.interceptors.request.use((config) => {
  config.url = here(config.url);
  if (config.url === `${ZOOM}/oauth/token`) config.answered = ledger.sends(new URLSearchParams(config.data));
  return config;
});
axios.interceptors.response.use(
  (reply) => {
    reply.config.answered?.(reply.status, reply.data);
    return reply;
  },
  (error) => {
    error.config.answered?.(error.response?.status, error.response?.data);
    throw error;
  },
);

/** What rivet keeps: its own store would do the same in memory. */
class Store {
  constructor(token = null) {
    this.token = token;
  }

  getLatestToken() {
    return this.token;
  }

  storeToken(token) {
    this.token = token;
  }
}

const client = (tokenStore, more = { disableReceiver: true, installerOptions: {} }) =>
  new UsersOAuthClient({ clientId: APP, clientSecret: "peers-secret", tokenStore, baseUrl: `${ZOOM}/v2`, ...more });

/** A call as a program makes it; rivet refreshes first if its access token has expired. */
const whoami = async (rivet) => (await rivet.endpoints.users.getUser({ path: { userId: "me" } })).data.email;

const HOUR_AGO = new Date(Date.now() - 3600_000).toISOString();

/** What rivet would have kept of a grant whose access token has expired by now. */
async function expired(user) {
  const grant = await admin("POST", `/apps/${APP}/grants`, { user });
  return {
    accessToken: grant.access_token,
    refreshToken: grant.refresh_token,
    scopes: grant.scope.split(" "),
    expirationTimeIso: HOUR_AGO,
  };
}

/** Rivet's refresh is refused by Zoom, for good. */
async function lost(promise) {
  const { name, cause } = await refusal(promise);
  equal([name, cause.response?.data.error], ["OAuthTokenRefreshFailedError", "invalid_grant"]);
}

// === the offline Zoom ===

await admin("PUT", `/apps/${APP}`, {
  kind: "General",
  client_secret: "peers-secret",
  account_id: ACCOUNT,
  scopes: SCOPES,
  redirect_urls: [CALLBACK],
});
const { users } = await admin("GET", `/accounts/${ACCOUNT}/users`);
const [ada, alan, barbara, edsger, grace] = users.map(({ email }) => email);

/** Does something while the offline Zoom lets this many token requests come before it looks at the first. */
async function meeting(count, action) {
  await admin("PUT", "/faults/meeting", { endpoint: "token", client_id: APP, fault: { kind: "hold_before" } });
  try {
    const done = action();
    const end = Date.now() + 60_000;
    while ((await admin("GET", "/faults")).meeting.held !== count) {
      if (Date.now() > end) throw new Error(`not ${count} requests at once`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await admin("DELETE", "/faults/meeting");
    return await done;
  } finally {
    await admin("DELETE", "/faults");
  }
}

// === the cases ===

await test("rivet/installs-by-consent", async () => {
  const store = new Store();
  const rivet = client(store, {
    port: 0,
    webhooksSecretToken: "peers-webhooks",
    installerOptions: { redirectUri: new URL(CALLBACK).origin, stateStore: "peers-state", directInstall: true },
  });
  const server = await rivet.start();
  try {
    const base = `http://127.0.0.1:${server.address().port}`;
    const person = new Person(grace);
    const install = await fetch(`${base}/zoom/oauth/install`, { redirect: "manual" });
    const callback = await person.decide(here(install.headers.get("location")), "allow");
    equal(callback.href.split("?")[0], CALLBACK);
    const cookie = install.headers.getSetCookie()[0].split(";")[0];
    const done = await fetch(base + callback.pathname + callback.search, { headers: { cookie } });
    equal(done.status, 200);
    equal([store.token.scopes, await whoami(rivet)], [SCOPES, grace]);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

await test("rivet/refreshes-and-keeps-the-successor", async () => {
  const store = new Store(await expired(ada));
  const rivet = client(store);
  const before = store.token.refreshToken;
  equal(await whoami(rivet), ada);
  if (store.token.refreshToken === before) throw new Error("the same refresh token");
  // And once more, with what it kept.
  store.token.expirationTimeIso = HOUR_AGO;
  equal(await whoami(rivet), ada);
});

await test(`rivet/known-difference-${AT_ONCE}-calls-at-once-with-an-expired-token`, async () => {
  const store = new Store(await expired(alan));
  const rivet = client(store);
  const calls = await meeting(AT_ONCE, () =>
    Promise.allSettled(Array.from({ length: AT_ONCE }, () => whoami(rivet))),
  );
  const failed = calls.filter(({ status }) => status === "rejected");
  // Every call refreshes by itself. When a newer rivet does better, so may these numbers.
  equal({ won: AT_ONCE - failed.length, lost: failed.length }, { won: 1, lost: AT_ONCE - 1 });
  for (const { reason } of failed) await lost(Promise.reject(reason));
  const { counters } = await admin("GET", `/apps/${APP}`);
  equal(counters.refresh_in_flight_max, AT_ONCE);
  // The one that won has told the store.
  equal(await whoami(rivet), alan);
  return `rivet ${version}: ${failed.length} of ${AT_ONCE} lose: each call refreshes by itself`;
});

await test("rivet/known-difference-two-replicas", async () => {
  const token = await expired(barbara);
  const [one, other] = [client(new Store({ ...token })), client(new Store({ ...token }))];
  equal(await whoami(one), barbara);
  await lost(whoami(other));
  await lost(whoami(other));
  return `rivet ${version}: whoever comes second with a token store of its own never gets in again`;
});

await test("rivet/known-difference-a-lost-answer", async () => {
  const rivet = client(new Store(await expired(edsger)));
  const fault = { kind: "drop" };
  await admin("PUT", "/faults/lost", { endpoint: "token", client_id: APP, times: 1, fault });
  equal((await refusal(whoami(rivet))).name, "OAuthTokenRefreshFailedError");
  await lost(whoami(rivet));
  return `rivet ${version}: says the same of an answer that is lost and of a grant that is dead`;
});

await test("rivet/both-sides-counted-the-same", () => ledger.agrees(APP));
