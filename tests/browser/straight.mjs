// A server that hands every byte on.

import { connect, createServer } from "node:net";

export const straight = (to) =>
  createServer((near) => {
    const far = connect(to);
    near.pipe(far).pipe(near);
    const end = () => [near, far].forEach((stream) => stream.destroy());
    for (const stream of [near, far]) stream.on("error", end).on("close", end);
  });
