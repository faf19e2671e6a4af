export * from "./layer-of.js";
