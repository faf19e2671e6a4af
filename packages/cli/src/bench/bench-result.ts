import type { BenchMode } from "./modes.js";
import { type ReadTimes, sumReadTimes } from "./read-times.js";
import type { RecordedImage } from "./recorded-image.js";
import type { LinkShape } from "./shaped-link.js";
import type { Stage } from "./stage.js";
import { type Spread, spreadOf } from "./statistics.js";
import type { BytesBy } from "./transfer.js";

export interface ModeResult {
  readonly mode: BenchMode;
  readonly secondsToReady: Spread;
  /** That came over the link, HTTP's own included. */
  readonly bytes: Spread;
  readonly requests: Spread;
  /** Of the compressed image, 0 to 1. */
  readonly shareOfImage: number;
  /** Compressed bytes of chunks fetched, as a multiple of those that were read. Only where chunks are fetched. */
  readonly overfetch?: Spread | undefined;
  /** Of the kernel to the daemon: what was neither in the page cache nor pushed there. Only where a daemon serves. */
  readonly fuseRequests?: Spread | undefined;
  /** Of the run in the middle, as it goes by time to ready. The last one is when it was ready. */
  readonly bytesOverTime: readonly BytesBy[];
  /** Of all runs. Only where a daemon serves. */
  readonly readTimes?: ReadTimes | undefined;
}

/** What a watched start read that the startup blob was not learned from, and that blob. Bytes. */
interface RecordedFacts {
  readonly pagesBytes: number;
  /** These pages alone, compressed. */
  readonly compressedBytes: number;
  readonly startupBytes: number;
}

/** What `bench -o json` prints. */
export interface BenchResult {
  readonly reference: string;
  readonly link: { readonly bitsPerSecond: number; readonly roundTripSeconds: number };
  readonly image: { readonly sizeBytes: number; readonly artifactBytes: number; readonly layers: number };
  readonly runs: number;
  readonly modes: readonly ModeResult[];
  /** With mode `optimized`. */
  readonly recorded?: RecordedFacts | undefined;
  /**
   * No start over this link can be faster: the longer of a warm start and of what the link needs for the compressed pages that a start reads. With modes `optimized`
   * and `warm`.
   */
  readonly limitSeconds?: number | undefined;
}

/** What a node's daemon counted during one start. */
export interface NodeFacts {
  readonly overfetch?: number | undefined;
  readonly fuseRequests?: number | undefined;
  readonly readTimes?: ReadTimes | undefined;
}

/** One start. */
export interface Sample extends NodeFacts {
  readonly seconds: number;
  readonly bytes: number;
  readonly requests: number;
  readonly bytesOverTime: readonly BytesBy[];
}

/** What was asked for. */
interface Asked {
  readonly image: { readonly reference: string };
  readonly runs: number;
  readonly shape: LinkShape;
}

export function resultOf(
  request: Asked,
  stage: Stage,
  samples: ReadonlyMap<BenchMode, readonly Sample[]>,
  recorded: RecordedImage | undefined,
): BenchResult {
  const modes = [...samples].map(([mode, of]) => modeResult(mode, of, stage.imageBytes));
  const { bytesPerSecond, roundTripMs } = request.shape;
  const warm = modes.find(({ mode }) => mode === "warm")?.secondsToReady.median;
  const facts = recorded && { ...recorded.reads, startupBytes: recorded.startupBytes };
  const { sizeBytes, layers } = { sizeBytes: stage.imageBytes, layers: stage.manifest.layers.length };
  return {
    reference: request.image.reference,
    link: { bitsPerSecond: bytesPerSecond * 8, roundTripSeconds: roundTripMs / 1000 },
    image: { sizeBytes, artifactBytes: stage.image.artifactBytes, layers },
    runs: request.runs,
    modes,
    ...(facts && { recorded: facts }),
    ...(facts && warm !== undefined && { limitSeconds: Math.max(warm, facts.compressedBytes / bytesPerSecond) }),
  };
}

function modeResult(mode: BenchMode, of: readonly Sample[], imageBytes: number): ModeResult {
  const bytes = spreadOf(of.map((sample) => sample.bytes));
  const middle = of.toSorted((a, b) => a.seconds - b.seconds)[(of.length - 1) >> 1];
  const readTimes = of.map((sample) => sample.readTimes).filter((times) => times !== undefined);
  return {
    mode,
    secondsToReady: spreadOf(of.map(({ seconds }) => seconds)),
    bytes,
    requests: spreadOf(of.map(({ requests }) => requests)),
    shareOfImage: bytes.median / imageBytes,
    ...spreadIfAll("overfetch", of),
    ...spreadIfAll("fuseRequests", of),
    bytesOverTime: middle?.bytesOverTime ?? [],
    ...(readTimes.length > 0 && { readTimes: sumReadTimes(readTimes) }),
  };
}

/** Nothing unless every sample has it. */
function spreadIfAll<K extends "overfetch" | "fuseRequests">(
  name: K,
  samples: readonly Sample[],
): { readonly [name in K]?: Spread } {
  const values = samples.map((sample) => sample[name]).filter((value) => value !== undefined);
  return values.length < samples.length ? {} : ({ [name]: spreadOf(values) } as { readonly [name in K]: Spread }); // one name, this one
}
