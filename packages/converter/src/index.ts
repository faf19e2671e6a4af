export { ConversionError, type ConversionErrorCode } from "./conversion-error.js";
export type { ConversionResult, ConvertedLayerResult } from "./conversion-result.js";
export { type ConvertOptions, convertImage } from "./convert-image.js";
export {
  type InspectedBlob,
  type InspectedFiles,
  type InspectedStartup,
  type Inspection,
  type InspectOptions,
  inspectImage,
} from "./inspect/inspect-image.js";
export { DiskFullError } from "./layer/disk-full.js";
export { type MeasureOptions, measureRecording, type RecordedReads } from "./measure-recording.js";
export { type OptimizeOptions, type OptimizeResult, optimizeImage } from "./optimize-image.js";
export { predictStartup } from "./predict/predict-startup.js";
export type { PredictableImage } from "./predict/predictable-image.js";
export type { ConversionProgress, OnProgress } from "./progress.js";
export { type Attached, findAttached } from "./publish/find-artifact.js";
export type { ImagePlace } from "./source/image-place.js";
export type { ImageReader } from "./source/image-reader.js";
export { type SourceImage, selectImage } from "./source/select-image.js";
export { LayerInvalidError, TarInvalidError } from "./tar/errors.js";
export { type VerifiedLayer, type VerifyOptions, type VerifyResult, verifyImage } from "./verify/verify-image.js";
