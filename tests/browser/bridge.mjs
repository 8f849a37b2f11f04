// Inside the browser's own network, which has nothing but a loopback: what is asked of the two ports goes to the sockets
// of the walk. So the browser notices no network that comes and goes, as Pods do, and reaches nobody else.

import { straight } from "./straight.mjs";

straight(`${process.env.WORK}/pages.sock`).listen(443, "127.0.0.1");
straight(`${process.env.WORK}/zoom.sock`).listen(80, "127.0.0.1");
