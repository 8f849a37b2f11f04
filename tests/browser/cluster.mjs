// The cluster: its API through `kubectl proxy`, the offline Zoom's admin API behind it, and ways to its Services.

import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { promisify } from "node:util";
import { until } from "./wait.mjs";

/** The platform's, with the operator, the offline Zoom and the apps. */
export const namespace = process.env.NAMESPACE;
/** That of a customer, with connections only. */
export const customers = process.env.CUSTOMERS;
const CORE = "/api/v1";
const OURS = "/apis/zoom-operator.io/v1alpha1";
const GROUPS = { zoomconnections: OURS, zoomintegrations: OURS };

const children = [];
let api;

/** What a person would type; its output. */
export async function kubectl(...args) {
  const { stdout } = await promisify(execFile)("kubectl", ["--namespace", namespace, ...args], { maxBuffer: 1 << 27 });
  return stdout;
}

/** Starts kubectl and reads from its first lines where it listens. */
async function listening(pattern, ...args) {
  // It ends with us, however we end.
  const command = ["--pdeathsig", "TERM", "--", "kubectl", "--namespace", namespace, ...args];
  const child = spawn("setpriv", command, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (said += text));
  return until(`kubectl ${args.join(" ")}`, () => pattern.exec(said)?.[1]);
}

export async function start() {
  api = `http://${await listening(/serve on (\S+)/, "proxy", "--port=0")}`;
}

export function stop() {
  for (const child of children) child.kill();
}

/** Where a Service's port is reached from this machine, as `host:port`. */
export async function reach(service, port) {
  const { spec } = await get("services", service);
  const direct = await new Promise((resolve) => {
    const socket = connect({ host: spec.clusterIP, port, timeout: 2000 }, () => resolve(true));
    socket.on("error", () => resolve(false)).on("timeout", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
  if (direct) return `${spec.clusterIP}:${port}`;
  return listening(/from (127\S+) ->/, "port-forward", `service/${service}`, `:${port}`);
}

async function call(method, path, body, type = "application/json") {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const reply = await fetch(api + path, { method, body: text, headers: text ? { "content-type": type } : {} });
  const answer = await reply.text();
  if (!reply.ok) throw Object.assign(new Error(`${method} ${path}: ${reply.status} ${answer}`), { status: reply.status });
  return answer && JSON.parse(answer);
}

const collection = (plural, where = namespace) => `${GROUPS[plural] ?? CORE}/namespaces/${where}/${plural}`;

export const get = (plural, name, where) => call("GET", `${collection(plural, where)}/${name}`);
export const list = async (plural, { where, query = "" } = {}) =>
  (await call("GET", collection(plural, where) + query)).items;
export const create = (plural, object, where) => call("POST", collection(plural, where), object);
export const patch = (plural, name, change) =>
  call("PATCH", `${collection(plural)}/${name}`, change, "application/merge-patch+json");
export const remove = (plural, name) => call("DELETE", `${collection(plural)}/${name}`);

/** The object, or nothing. */
export const find = (plural, name, where) =>
  get(plural, name, where).catch((error) => {
    if (error.status !== 404) throw error;
  });

/** The offline Zoom's admin API. */
export const zoom = (method, path, body) =>
  call(method, `${CORE}/namespaces/${namespace}/services/http:zoom-sim:admin/proxy${path}`, body);

export const secretKey = (secret, key) => Buffer.from(secret.data[key], "base64").toString();

// === a tenant ===

let count = 0;

/** An app at Zoom and its ZoomIntegration, ready to be installed; nobody else's. */
export async function tenant({ scopes = ["user:read:user"], consent = {}, displayName = "KiviCare", management = "User", app = {}, ...spec } = {}) {
  const name = `app-${++count}`;
  const clientId = randomBytes(12).toString("base64url");
  const clientSecret = randomBytes(24).toString("base64url");
  const account = `account-${randomBytes(6).toString("hex")}`;
  await zoom("PUT", `/apps/${clientId}`, {
    kind: "General",
    management,
    client_secret: clientSecret,
    account_id: account,
    scopes,
    display_name: displayName,
    redirect_urls: [`https://connect.test/callback/${namespace}/${name}`],
    strict_mode: true,
    ...app,
  });
  const { users } = await zoom("GET", `/accounts/${account}/users`);
  const credentials = `${name}-credentials`;
  await create("secrets", {
    metadata: { name: credentials },
    stringData: { "client-id": clientId, "client-secret": clientSecret, "account-id": account },
  });
  await create("zoomintegrations", {
    apiVersion: "zoom-operator.io/v1alpha1",
    kind: "ZoomIntegration",
    metadata: { name },
    spec: {
      app: { kind: "General", management, displayName },
      credentials: { secretRef: { name: credentials } },
      scopes: { required: scopes },
      oauth: { consent: { mode: "Operator", ...consent } },
      ...spec,
    },
  });
  const people = Object.fromEntries(users.map((user) => [user.first_name.toLowerCase(), user.email]));
  const integration = await until(`${name} can be installed`, async () => {
    const object = await get("zoomintegrations", name);
    return object.status?.redirectUrl && object.status.clientId && object;
  });
  return { name, clientId, clientSecret, account, people, link: integration.status.installUrl, ...views(name, clientId) };
}

function views(name, clientId) {
  return {
    /** What Zoom counted. */
    counters: async () => (await zoom("GET", `/apps/${clientId}`)).counters,
    /** Grants that live at Zoom. */
    grants: async () => (await zoom("GET", `/apps/${clientId}/grants`)).filter(({ alive }) => alive),
    change: (settings) => zoom("PATCH", `/apps/${clientId}`, settings),
    /** Holds Zoom's answer to an exchange of a code until the function that it returns is called. */
    hold: async () => {
      const rule = { endpoint: "token", client_id: clientId, grant_type: "authorization_code", fault: { kind: "hold_before" } };
      await zoom("PUT", `/faults/${name}`, rule);
      return () => zoom("DELETE", `/faults/${name}`);
    },
  };
}

/** A ZoomConnection with its link, which is taken where a person takes it when `typed`. */
export async function connection(integration, name, spec = {}, { typed = false, where = namespace } = {}) {
  const full = `${integration.name}-${name}`;
  const elsewhere = where === namespace ? {} : { namespace };
  const object = {
    apiVersion: "zoom-operator.io/v1alpha1",
    kind: "ZoomConnection",
    metadata: { name: full },
    spec: { integrationRef: { name: integration.name, ...elsewhere }, ...spec },
  };
  await create("zoomconnections", object, where);
  const seen = () => get("zoomconnections", full, where);
  const link = await until(`the link of ${full}`, async () => (await seen()).status?.installUrl);
  const shown = typed && (await kubectl("get", "zconn", full, "-o", "jsonpath={.status.installUrl}"));
  return { name: full, link: shown || link, secret: `${full}-zoom-token` };
}

export const ready = (object) => object.status?.conditions?.find(({ type }) => type === "Ready");

/** Waits until a connection is in this phase, or until its Ready has this reason; the connection. */
export const becomes = (name, wanted, where) =>
  until(`${name}: ${wanted}`, async () => {
    const object = await find("zoomconnections", name, where);
    return object && [object.status?.phase, ready(object)?.reason].includes(wanted) && object;
  });
