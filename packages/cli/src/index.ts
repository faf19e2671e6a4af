export { type ExitCode, exitCodes } from "./exit-codes.js";
export { main } from "./main.js";
export type { OutputStream, Surroundings } from "./surroundings.js";
