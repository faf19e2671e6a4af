import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createImageManifest,
  type Descriptor,
  descriptorOfManifest,
  emptyBlob,
  emptyDescriptor,
  openRepository,
  parseReference,
  type Repository,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Recording } from "../startup/recording.js";
import { maxRecordingBytes } from "../startup/recording.js";
import { sampleRecording } from "../testing/samples.js";
import { InvalidArtifactError } from "./invalid-artifact-error.js";
import { offeredRecordings, offerRecording, readRecording } from "./offered-recordings.js";

const image = createImageManifest({ config: emptyDescriptor, layers: [] });
const subject = descriptorOfManifest(image);
const another = (seconds: number): Recording => ({ ...sampleRecording(), seconds });
