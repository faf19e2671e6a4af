export { ListenAddressError } from "./http/listen-address.js";
export { createServer, type RegistryServer, RootInUseError, type ServerOptions } from "./server.js";
