// What is left behind: nothing secret where people read, nothing of a code.

import { deepEqual, equal } from "node:assert/strict";
import { customers, find, kubectl, list, secretKey } from "../cluster.mjs";
import { secrets } from "../browser.mjs";
import { until } from "../wait.mjs";

/** Keys of Secrets whose values may be told. */
const PUBLIC = ["api-url", "scope", "expires-at", "token-type", "client-id", "account-id", "release", "authorized-at"];

export default {
  async "hold-no-secret"(t) {
    const everywhere = [await list("secrets"), await list("secrets", { where: customers })].flat();
    for (const { type, data } of everywhere) {
      if (type.startsWith("helm.sh/")) continue;
      for (const [key, value] of Object.entries(data ?? {})) {
        const text = Buffer.from(value, "base64").toString();
        if (!PUBLIC.includes(key) && text.length >= 20) secrets.add(text).add(value);
      }
    }
    const operator = "app.kubernetes.io/name=zoom-operator";
    const texts = [
      ...(t.bed.logs ?? []),
      await kubectl("logs", "--selector", operator, "--tail=-1", "--prefix"),
      await kubectl("get", "zint,zconn,events,configmaps", "-o", "yaml"),
      await kubectl("get", "zconn,events,configmaps", "-o", "yaml", "--namespace", customers),
    ];
    const all = texts.join("\n");
    equal(all.includes('"action":"consent.return"'), true, "the log of the pages is not there");
    const found = [...secrets].filter((secret) => all.includes(secret));
    deepEqual(found.map((secret) => `${secret.slice(0, 4)} of ${secret.length} letters`), []);
    console.error(`   ${secrets.size} secrets, none of them in ${all.length} letters of logs, status and Events`);
  },

  async "of-codes-are-taken-away"() {
    await until("no code is left for a connection that is there", async () => {
      const handed = (await list("secrets")).filter(({ type }) => type === "zoom-operator.io/consent");
      // That of a connection which was deleted in the meantime nobody takes; it is swept away after half an hour.
      const wanted = handed.map((secret) => JSON.parse(secretKey(secret, "handoff")).connection);
      const there = await Promise.all(wanted.map((name) => find("zoomconnections", name)));
      return !there.some(Boolean);
    });
  },
};
