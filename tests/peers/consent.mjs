// openid-client, an OAuth client that knows nothing of Zoom, is a customer's General app: consent with PKCE, tokens,
// their refresh and their end, and how it tells what is refused. Started by `run`; one line per case.

import * as oauth from "openid-client";

import { admin, equal, refusal, test } from "./lib/cases.mjs";
import { Ledger } from "./lib/ledger.mjs";
import { Person } from "./lib/person.mjs";

const { ZOOM } = process.env;
// Letters and digits only: openid-client escapes all others in a Basic header, as RFC 6749 (section 2.3.1) says.
const APP = "peersconsent";
const SECRET = "peerssecret";
const ACCOUNT = "peers-account";
const CALLBACK = "https://app.example.com/callback";
const SCOPES = ["user:read:user", "meeting:read:list_meetings"];

const ledger = new Ledger();

function client(secret = SECRET) {
  const zoom = {
    issuer: ZOOM,
    authorization_endpoint: `${ZOOM}/oauth/authorize`,
    token_endpoint: `${ZOOM}/oauth/token`,
    revocation_endpoint: `${ZOOM}/oauth/revoke`,
  };
  const config = new oauth.Configuration(zoom, APP, undefined, oauth.ClientSecretBasic(secret));
  oauth.allowInsecureRequests(config);
  config[oauth.customFetch] = ledger.fetch;
  return config;
}
const app = client();

/** A request for consent, and what is needed to redeem its code. */
async function request(more = {}) {
  const pkceCodeVerifier = oauth.randomPKCECodeVerifier();
  // Letters that have to be escaped come back as they were.
  const expectedState = `${oauth.randomState()} +&=%é`;
  const url = oauth.buildAuthorizationUrl(app, {
    redirect_uri: CALLBACK,
    code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState,
    ...more,
  });
  return { url, checks: { pkceCodeVerifier, expectedState } };
}

/** Where a person's consent leads. */
async function consent(person) {
  const { url, checks } = await request();
  return { callback: await person.decide(url, "allow"), checks };
}

async function connect(person) {
  const { callback, checks } = await consent(person);
  return oauth.authorizationCodeGrant(app, callback, checks);
}

const get = (path, token) => oauth.fetchProtectedResource(app, token, new URL(path, ZOOM), "GET");

async function whose(token) {
  const reply = await get("/v2/users/me", token);
  equal(reply.status, 200);
  return (await reply.json()).email;
}

/** The library has to find the OAuth error in the answer. */
async function refused(promise, error, status = 400) {
  const { constructor, error: found, status: answered } = await refusal(promise);
  equal([constructor.name, found, answered], ["ResponseBodyError", error, status]);
}

/** Zoom's numeric errors are not OAuth's: the library cannot read them, and gives the answer as the cause. */
async function numbered(promise, code) {
  const error = await refusal(promise);
  equal([error.constructor.name, error.code], ["ClientError", "OAUTH_RESPONSE_IS_NOT_CONFORM"]);
  equal([error.cause.status, (await error.cause.json()).code], [400, code]);
  return `${code} is to openid-client: ${error.message}`;
}

await admin("PUT", `/apps/${APP}`, {
  kind: "General",
  client_secret: SECRET,
  account_id: ACCOUNT,
  scopes: SCOPES,
  redirect_urls: [CALLBACK],
  display_name: 'Notes & "Co"',
});
const { users } = await admin("GET", `/accounts/${ACCOUNT}/users`);
const [ada, alan, barbara, edsger, grace] = users.map(({ email }) => new Person(email));

// === as it should be ===

await test("consent/the-page-says-who-and-what", async () => {
  const page = await grace.consider((await request()).url);
  equal([page.status, page.text("app"), page.text("user")], [200, 'Notes & "Co"', grace.email]);
  for (const scope of SCOPES) if (!page.html.includes(scope)) throw new Error(`not named: ${scope}`);
});

let tokens;
await test("consent/openid-client-redeems-the-code", async () => {
  tokens = await connect(grace);
  const { access_token, refresh_token, ...rest } = tokens;
  if (!access_token || !refresh_token || access_token === refresh_token) throw new Error("not two tokens");
  equal(rest, { token_type: "bearer", expires_in: 3599, scope: SCOPES.join(" "), api_url: ZOOM });
});

await test("consent/the-token-is-the-person's", async () => {
  equal(await whose(tokens.access_token), grace.email);
  // Somebody else's is another.
  equal(await whose((await connect(ada)).access_token), ada.email);
});

let older;
await test("consent/openid-client-refreshes", async () => {
  older = tokens;
  for (let round = 0; round < 3; round += 1) {
    const next = await oauth.refreshTokenGrant(app, tokens.refresh_token);
    equal([next.scope, next.expires_in, next.api_url], [tokens.scope, tokens.expires_in, tokens.api_url]);
    if (next.refresh_token === tokens.refresh_token) throw new Error("the refresh token is the same");
    tokens = next;
    equal(await whose(tokens.access_token), grace.email);
  }
});

await test("consent/a-refresh-token-is-good-for-once", async () => {
  await refused(oauth.refreshTokenGrant(app, older.refresh_token), "invalid_grant");
  // That has not hurt the newest one.
  tokens = await oauth.refreshTokenGrant(app, tokens.refresh_token);
});

await test("consent/openid-client-revokes", async () => {
  // Zoom takes the access token only.
  await refused(oauth.tokenRevocation(app, tokens.refresh_token), "invalid_grant");
  equal(await whose(tokens.access_token), grace.email);
  await oauth.tokenRevocation(app, tokens.access_token);
  const reply = await get("/v2/users/me", tokens.access_token);
  equal([reply.status, (await reply.json()).code], [401, 124]);
  await refused(oauth.refreshTokenGrant(app, tokens.refresh_token), "invalid_grant");
});

// === as it should not be ===

await test("consent/openid-client-is-told-of-the-person's-no", async () => {
  const { url, checks } = await request();
  const callback = await edsger.decide(url, "decline");
  const error = await refusal(oauth.authorizationCodeGrant(app, callback, checks));
  equal([error.constructor.name, error.error], ["AuthorizationResponseError", "access_denied"]);
});

await test("consent/another-state-is-never-redeemed", async () => {
  const { callback, checks } = await consent(edsger);
  const mistaken = oauth.authorizationCodeGrant(app, callback, { ...checks, expectedState: "another" });
  equal((await refusal(mistaken)).code, "OAUTH_INVALID_RESPONSE");
  // Nothing was asked of Zoom: the code is still good.
  equal(await whose((await oauth.authorizationCodeGrant(app, callback, checks)).access_token), edsger.email);
});

await test("consent/a-wrong-verifier-spends-the-code", async () => {
  const { callback, checks } = await consent(edsger);
  const wrong = { ...checks, pkceCodeVerifier: oauth.randomPKCECodeVerifier() };
  await refused(oauth.authorizationCodeGrant(app, callback, wrong), "invalid_grant");
  await refused(oauth.authorizationCodeGrant(app, callback, checks), "invalid_grant");
});

await test("consent/no-verifier-is-a-wrong-verifier", async () => {
  const { callback, checks } = await consent(edsger);
  const without = { expectedState: checks.expectedState };
  await refused(oauth.authorizationCodeGrant(app, callback, without), "invalid_grant");
});

await test("consent/a-code-is-good-for-once", async () => {
  const { callback, checks } = await consent(barbara);
  const { access_token } = await oauth.authorizationCodeGrant(app, callback, checks);
  await refused(oauth.authorizationCodeGrant(app, callback, checks), "invalid_grant");
  equal(await whose(access_token), barbara.email);
});

await test("consent/a-code-is-for-one-callback", async () => {
  const { callback, checks } = await consent(barbara);
  const elsewhere = new URL(callback.search, "https://app.example.com/elsewhere");
  return numbered(oauth.authorizationCodeGrant(app, elsewhere, checks), 4709);
});

await test("consent/new-consent-ends-what-was-given-before", async () => {
  const [before, after] = [await connect(alan), await connect(alan)];
  const note = await numbered(oauth.refreshTokenGrant(app, before.refresh_token), 4741);
  await oauth.refreshTokenGrant(app, after.refresh_token);
  return note;
});

await test("consent/a-wrong-client-secret-is-refused", async () => {
  const { refresh_token } = await connect(ada);
  await refused(oauth.refreshTokenGrant(client("wrong"), refresh_token), "invalid_client");
  await oauth.refreshTokenGrant(app, refresh_token);
});

for (const [name, more, text] of [
  ["another-callback", { redirect_uri: "https://app.example.com/elsewhere" }, "Invalid redirect url (4700)"],
  ["a-scope", { scope: "user:read:user" }, "Invalid scope (4700)"],
  ["an-unknown-app", { client_id: "unknown" }, "Invalid client (4702)"],
]) {
  await test(`consent/the-person-is-told-of-${name}`, async () => {
    const page = await edsger.consider((await request(more)).url);
    equal([page.status, page.url.origin, page.text("error")], [400, ZOOM, text]);
  });
}

await test("consent/both-sides-counted-the-same", () => ledger.agrees(APP));
