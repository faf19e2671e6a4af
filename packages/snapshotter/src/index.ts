export * from "./fuse/index.js";
