export { missingPostgres, startPostgres, type TestPostgres } from "./postgres.js";
export { type RecordedAttempts, recordedAttempts } from "./recorded-operations.js";
export { startTestServer, type TestServer } from "./test-server.js";
export { type ReceivedNotice, startWebhookReceiver, type WebhookReceiver } from "./webhook-receiver.js";
