export { ListenAddressError } from "./http/listen-address.js";
export { createServer, OpenRegistryError, type RegistryServer, RootInUseError, type ServerOptions } from "./server.js";
export type { UploadLimits } from "./uploads/upload-limits.js";
