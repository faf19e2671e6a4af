export {
  type Artifact,
  type ArtifactBlob,
  type ArtifactLayer,
  type ArtifactSource,
  annotation,
  artifactFormatVersion,
  maxRecordingBlobs,
} from "./artifact.js";
export { type ArtifactChoice, type FindArtifactOptions, findArtifact } from "./find-artifact.js";
export { InvalidArtifactError } from "./invalid-artifact-error.js";
export { offeredRecordings, offerRecording, readRecording } from "./offered-recordings.js";
export { parseArtifact } from "./parse-artifact.js";
export { requireFit } from "./require-fit.js";
