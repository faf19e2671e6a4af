// What the benches of this repository measure with, beside the verb `bench`.

export { type Start, startStreamed } from "./containers.js";
export { parseRate, parseRoundTrip } from "./quantities.js";
export { recordImage } from "./recorded-image.js";
export { type Stage, type StagedImage, setStage } from "./stage.js";
export { spreadOf } from "./statistics.js";
