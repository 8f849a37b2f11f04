// Zoom's own library for Node, with one handler that does nothing.
// Environment: PORT, WEBHOOK_SECRET
import { MeetingsS2SAuthClient } from "@zoom/rivet/meetings";

const client = new MeetingsS2SAuthClient({
  clientId: "bench",
  clientSecret: "bench",
  accountId: "bench",
  webhooksSecretToken: process.env.WEBHOOK_SECRET,
  port: Number(process.env.PORT),
});
client.webEventConsumer.event("meeting.participant_joined", () => {});
await client.start();
