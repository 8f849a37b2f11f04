// What a client saw of its token requests, to be compared with what the offline Zoom counted.

import { admin, equal } from "./cases.mjs";

const count = (counts, name) => void (counts[name] = (counts[name] ?? 0) + 1);

export class Ledger {
  #refresh = {};
  #code = {};
  /** Refresh tokens and codes by what had become of them when the client heard, or lost, the answer. */
  #fates = new Map();
  #again = { codeWritten: 0, codeLost: 0, refreshWritten: 0, refreshLost: 0 };

  /** A token request leaves. Returns what is to be called with the answer, or with nothing when there is none. */
  sends(form) {
    const kind = form.get("grant_type") === "refresh_token" ? "refresh" : "code";
    const spent = form.get(kind === "refresh" ? "refresh_token" : "code");
    if (this.#fates.has(spent)) this.#again[kind + this.#fates.get(spent)] += 1;
    return (status, body) => {
      // The one way in which answers get lost here is a fault that strikes after the tokens were issued.
      const isLost = status === undefined;
      const outcome = isLost || status === 200 ? "issued" : String(body.error ?? body.code);
      count(kind === "refresh" ? this.#refresh : this.#code, outcome);
      if (outcome === "issued") this.#fates.set(spent, isLost ? "Lost" : "Written");
    };
  }

  /** For clients that use fetch. */
  fetch = async (url, options) => {
    if (new URL(url).pathname !== "/oauth/token") return fetch(url, options);
    const answered = this.sends(new URLSearchParams(options.body));
    let reply;
    try {
      reply = await fetch(url, options);
    } catch (error) {
      answered();
      throw error;
    }
    answered(reply.status, await reply.clone().json());
    return reply;
  };

  /** Whether the offline Zoom has counted the same. */
  async agrees(app) {
    const { counters } = await admin("GET", `/apps/${app}`);
    const expected = {
      refresh_requests_by_outcome: this.#refresh,
      code_requests_by_outcome: this.#code,
      codes_redeemed: this.#code.issued ?? 0,
      code_replays: this.#again.codeWritten,
      code_replays_after_lost_reply: this.#again.codeLost,
      spent_again: this.#again.refreshWritten,
      spent_again_after_lost_reply: this.#again.refreshLost,
      tokens_issued: (this.#code.issued ?? 0) + (this.#refresh.issued ?? 0),
    };
    const told = Object.fromEntries(Object.keys(expected).map((name) => [name, counters[name]]));
    equal(told, expected);
    return JSON.stringify(told);
  }
}
