// Waiting for conditions.

import { setTimeout as pause } from "node:timers/promises";

/** Milliseconds for every wait. */
export const limit = 1000 * Number(process.env.BROWSER_LIMIT ?? 60);

/** Asks until the answer is something; the answer. */
export async function until(what, ask) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`not within ${limit / 1000} s: ${what}`);
    await pause(100);
  }
}
