// What the benches of this repository measure with, beside the verb `bench`.

export type { BenchResult } from "./bench-result.js";
export { type Start, startStreamed } from "./containers.js";
export { parseRate, parseRoundTrip } from "./quantities.js";
export { recordImage } from "./recorded-image.js";
export { barPlot } from "./report/bar-plot.js";
export { writeHtmlReport } from "./report/html-report.js";
export { type Stage, type StagedImage, setStage } from "./stage.js";
export { spreadOf } from "./statistics.js";
