export { tarFuzzTargets } from "./fuzz-tars.js";
