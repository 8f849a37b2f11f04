// Parts that end between the start and the result. These cases have the bed to themselves.

import { deepEqual, equal, notDeepEqual } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connection, get, kubectl, list, patch, remove, tenant } from "../cluster.mjs";
import { allow, begin, connected, headed, signIn } from "../steps.mjs";
import { until } from "../wait.mjs";

const KEYS = "zoom-operator-connect-keys";

const pods = (component) => list("pods", { query: `?labelSelector=app.kubernetes.io/component%3D${component}` });

/** Ends all Pods of a part, keeps what they said, and waits for new ones. */
async function restart(t, component) {
  const before = await pods(component);
  const names = before.map(({ metadata }) => metadata.name);
  t.bed.logs = [...(t.bed.logs ?? []), ...(await Promise.all(names.map((name) => kubectl("logs", name))))];
  await Promise.all(names.map((name) => remove("pods", name)));
  await until(`other Pods of ${component}`, async () => {
    const after = await pods(component);
    const ready = ({ status }) => status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True");
    return (
      after.length === before.length && after.every((pod) => !names.includes(pod.metadata.name) && ready(pod))
    );
  });
}

async function atZoom(t) {
  const app = await tenant();
  const one = await connection(app, "ada");
  const page = await (await t.person()).page();
  await begin(page, one.link);
  await signIn(page, app.people.ada);
  return { app, one, page };
}

export default {
  async "the-pages-while-somebody-is-at-zoom"(t) {
    const { app, one, page } = await atZoom(t);
    await restart(t, "connect");
    await allow(page);
    await headed(page, "Connected");
    await connected(one.name, app.people.ada);
  },

  async "the-pages-with-a-new-key"(t) {
    const { app, one, page } = await atZoom(t);
    // As the controller does once a day.
    const { data } = await get("secrets", KEYS);
    await patch("secrets", KEYS, { data: { previous: data.current, current: randomBytes(64).toString("base64") } });
    await restart(t, "connect");
    await allow(page);
    await headed(page, "Connected");
    await connected(one.name, app.people.ada);
    notDeepEqual((await get("secrets", KEYS)).data, data);
  },

  async "the-controller-while-somebody-waits"(t) {
    const { app, one, page } = await atZoom(t);
    await kubectl("scale", "deployment/zoom-operator", "--replicas=0");
    const ended = await pods("controller");
    t.bed.logs = [...(t.bed.logs ?? []), ...(await Promise.all(ended.map(({ metadata }) => kubectl("logs", metadata.name))))];
    await until("the controller ends", async () => (await pods("controller")).length === 0);
    await allow(page);
    await headed(page, "Almost done");
    deepEqual((await app.counters()).code_requests_by_outcome, {});
    await kubectl("scale", "deployment/zoom-operator", "--replicas=1");
    await headed(page, "Connected");
    await connected(one.name, app.people.ada);
    equal((await app.grants()).length, 1);
  },
};
