// What a process that is a daemon runs. Loads what serving needs and nothing else: readers wait for it after a crash.

export { parseNodeConfig } from "./config/node-config.js";
export { AttachedKeeper } from "./keeper/attached-keeper.js";
export { createFileLog, createStderrLog } from "./observe/log.js";
export { runDaemon } from "./process/run-daemon.js";
export { NodePaths } from "./state/node-paths.js";
