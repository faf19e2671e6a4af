export * from "./blocks.js";
export * from "./byte-strings.js";
export * from "./layer/layer-index.js";
export * from "./toc/toc.js";
