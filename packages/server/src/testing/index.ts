export { missingPostgres, startPostgres, type TestPostgres } from "./postgres.js";
export { startTestServer, type TestServer } from "./test-server.js";
