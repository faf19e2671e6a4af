import { z } from "zod";
import { TooLargeError } from "./bytes/bounded-read.js";
import { digestSchema } from "./descriptor.js";
import type { Digest } from "./digest/digest.js";
import { listOf, optional, parseJsonDocument } from "./documents/json-document.js";

/** Real ones are a few kilobytes; histories of hundreds of layers reach a few hundred. Bytes. */
export const maxImageConfigBytes: number = 8 * 1024 * 1024;

/** What a container of the image runs, unless told otherwise. OCI image specification, config.md. */
export interface ContainerConfig {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `NAME=value`, in order; a later one wins. */
  readonly environment: readonly string[];
  /** `user`, `uid`, `user:group`, …; "" means root. */
  readonly user: string;
  /** "" means `/`. */
  readonly workingDirectory: string;
  /** Such as `80/tcp`. */
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal?: string | undefined;
}

/** One step of the build. Steps that are not `emptyLayer` correspond to the layers, in order. */
export interface HistoryEntry {
  readonly createdBy: string;
  readonly emptyLayer: boolean;
}

/** The configuration of an image: platform, what to run, and the digest of every uncompressed layer. */
export interface ImageConfig {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly container: ContainerConfig;
  /** sha256 of each layer's uncompressed tar, lowest first. */
  readonly diffIds: readonly Digest[];
  readonly history: readonly HistoryEntry[];
}

const text = z.string().max(1024 * 1024);
const texts = listOf(text, 10_000);
const keys = z
  .record(text, z.unknown())
  .nullish()
  .transform((set) => Object.keys(set ?? {}));

const containerSchema = z
  .object({
    Entrypoint: texts,
    Cmd: texts,
    Env: texts,
    User: optional(text),
    WorkingDir: optional(text),
    ExposedPorts: keys,
    Volumes: keys,
    Labels: optional(z.record(text, text)),
    StopSignal: optional(text),
  })
  .transform(
    (config): ContainerConfig => ({
      entrypoint: config.Entrypoint,
      command: config.Cmd,
      environment: config.Env,
      user: config.User ?? "",
      workingDirectory: config.WorkingDir ?? "",
      exposedPorts: config.ExposedPorts,
      volumes: config.Volumes,
      labels: config.Labels ?? {},
      ...(config.StopSignal !== undefined && { stopSignal: config.StopSignal }),
    }),
  );

const historySchema = z
  .object({ created_by: optional(text), empty_layer: optional(z.boolean()) })
  .transform((entry): HistoryEntry => ({ createdBy: entry.created_by ?? "", emptyLayer: entry.empty_layer ?? false }));

const imageConfigSchema: z.ZodType<ImageConfig> = z
  .object({
    os: optional(text),
    architecture: optional(text),
    variant: optional(text),
    config: optional(containerSchema),
    rootfs: z.object({ diff_ids: listOf(digestSchema, 10_000) }),
    history: listOf(historySchema, 100_000),
  })
  .transform((config) => ({
    os: config.os ?? "",
    architecture: config.architecture ?? "",
    ...(config.variant !== undefined && { variant: config.variant }),
    container: config.config ?? emptyContainerConfig,
    diffIds: config.rootfs.diff_ids,
    history: config.history,
  }));

const emptyContainerConfig: ContainerConfig = {
  entrypoint: [],
  command: [],
  environment: [],
  user: "",
  workingDirectory: "",
  exposedPorts: [],
  volumes: [],
  labels: {},
};

/**
 * Checks and types the config blob of an image. Fields that nothing here needs are ignored.
 *
 * @throws {InvalidDocumentError} {TooLargeError} naming `from`
 */
export function parseImageConfig(bytes: Uint8Array, from: string): ImageConfig {
  if (bytes.byteLength > maxImageConfigBytes) throw new TooLargeError(from, maxImageConfigBytes);
  return parseJsonDocument(bytes, imageConfigSchema, from);
}
