export { missingPostgres, startPostgres, type TestPostgres } from "./postgres.js";
