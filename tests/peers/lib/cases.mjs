// Cases and how they are printed: a line each, on standard output.

import { isDeepStrictEqual } from "node:util";

/** Runs a case. What it returns is printed beneath it. */
export async function test(name, judge) {
  try {
    const note = await judge();
    console.log(`ok ${name}`);
    if (note) console.log(`   ${note}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAIL ${name}: ${String(error.message).replace(/\s+/g, " ")}`);
  }
}

export function equal(left, right) {
  const [l, r] = [left, right].map((value) => JSON.stringify(value));
  if (!isDeepStrictEqual(left, right)) throw new Error(`${l} is not ${r}`);
}

/** The error that a promise is refused with. */
export async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("not refused");
}

/** Asks the offline Zoom's admin API. */
export async function admin(method, path, body) {
  const reply = await fetch(process.env.ZOOM_ADMIN + path, { method, body: JSON.stringify(body) });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
  return text ? JSON.parse(text) : null;
}
