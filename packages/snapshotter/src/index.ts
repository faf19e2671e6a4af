export * from "./drivers/index.js";
export * from "./fuse/index.js";
