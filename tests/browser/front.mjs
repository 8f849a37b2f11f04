// What stands in front of the pages: TLS ends here. And the way to Zoom. Every request goes on by a connection of its own, so that the pages'
// replicas take turns.

import { readFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:https";
import { straight } from "./straight.mjs";
import { limit, until } from "./wait.mjs";

const HOP_BY_HOP = ["connection", "keep-alive", "transfer-encoding", "upgrade"];

/** Where callbacks of a path are kept back: the path, and what to do with the address. */
const diverted = new Map();

/** Starts both on sockets in the directory, the pages' and Zoom's; each is `host:port`. Returns a way to stop them. */
export async function start(pages, zoom, directory) {
  const [host, port] = pages.split(":");
  const options = { key: readFileSync(`${directory}/key.pem`), cert: readFileSync(`${directory}/certificate.pem`) };
  const server = createServer(options, (incoming, answer) => {
    const [path] = incoming.url.split("?");
    const take = diverted.get(path);
    if (take) {
      diverted.delete(path);
      // The browser stays where it is.
      answer.writeHead(204).end();
      return take(`https://${incoming.headers.host}${incoming.url}`);
    }
    const headers = { ...incoming.headers, connection: "close", "x-forwarded-proto": "https" };
    const end = Date.now() + limit;
    const send = () => {
      const onward = request({ host, port, method: incoming.method, path: incoming.url, headers, agent: false });
      onward.on("response", (reply) => {
        const kept = reply.rawHeaders.filter((_, at) => !HOP_BY_HOP.includes(reply.rawHeaders[at & ~1].toLowerCase()));
        answer.writeHead(reply.statusCode, kept);
        reply.pipe(answer);
      });
      onward.on("error", (error) => {
        // A Service leads to its Pods a moment after they are ready: whoever met nobody comes again.
        const again = error.code === "ECONNREFUSED" && incoming.method === "GET" && Date.now() < end;
        if (again) return setTimeout(send, 100);
        if (!answer.headersSent) answer.writeHead(502, { "content-type": "text/plain" });
        answer.end(`no answer from the pages: ${error.message}\n`);
      });
      incoming.method === "GET" ? onward.end() : incoming.pipe(onward);
    };
    send();
  });
  const [zoomHost, zoomPort] = zoom.split(":");
  const way = straight({ host: zoomHost, port: zoomPort });
  await new Promise((resolve) => server.listen(`${directory}/pages.sock`, resolve));
  await new Promise((resolve) => way.listen(`${directory}/zoom.sock`, resolve));
  return () => {
    server.close();
    server.closeAllConnections();
    way.close();
  };
}

/** The address that the next request of this path is for, which goes no further. */
export function divert(path) {
  let address;
  diverted.set(path, (seen) => (address = seen));
  const waiting = until(`a request for ${path}`, () => address);
  // Who asked may have failed before.
  waiting.catch(() => {});
  return waiting;
}
