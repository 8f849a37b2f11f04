// A receiver of the shape that Zoom shows in public: the body is parsed, and the signature is made over what
// JSON.stringify writes back. Without the logging of every request that such samples have, which would cost time.
// Environment: PORT, WEBHOOK_SECRET
import { createHmac } from "node:crypto";
import express from "express";

const { PORT, WEBHOOK_SECRET } = process.env;
const hmac = (text) => createHmac("sha256", WEBHOOK_SECRET).update(text).digest("hex");

const app = express();
app.use(express.json());
app.post("/zoom/events", (request, response) => {
  const { body, headers } = request;
  const message = `v0:${headers["x-zm-request-timestamp"]}:${JSON.stringify(body)}`;
  if (headers["x-zm-signature"] !== `v0=${hmac(message)}`) {
    response.status(401).json({ message: "Unauthorized request to Zoom Webhook sample." });
    return;
  }
  if (body.event === "endpoint.url_validation") {
    const { plainToken } = body.payload;
    response.status(200).json({ plainToken, encryptedToken: hmac(plainToken) });
    return;
  }
  response.status(200).json({ message: "Authorized request to Zoom Webhook sample." });
});
app.listen(Number(PORT), "127.0.0.1");
