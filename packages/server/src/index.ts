export { backUp, restoreBackup } from "./backup/back-up.js";
export type { MissingContent } from "./backup/copy-content.js";
export { ListenAddressError } from "./http/listen-address.js";
export { RootInUseError, type SharedStorage } from "./open-stores.js";
export type { ConversionsConfig } from "./operations/conversions-config.js";
export { createServer, OpenRegistryError, type RegistryServer, type ServerOptions } from "./server.js";
export type { UploadLimits } from "./uploads/upload-limits.js";
export { InvalidUpstreamError, parseUpstreams, type Upstream } from "./upstream/upstream.js";
export { createWorker, type WorkerOptions } from "./worker.js";
