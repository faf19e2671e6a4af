export type { BlobRangeSource } from "./fetch/blob-ranges.js";
