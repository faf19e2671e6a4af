import { type Digest, isDigest } from "@sluice/oci/content";
import { InvalidFormatError } from "../invalid-format-error.js";
import { maxBlobs, maxDiskBlocks } from "../toc/check-toc.js";
import type { DiskRun } from "./disk-run.js";

/** The blobs that an image's disk is assembled from. A recording fits every disk made of the same ones. */
export interface RecordedDisk {
  readonly metadata: Digest;
  /** In the order of the image; one that occurs twice is named twice. */
  readonly layers: readonly Digest[];
}

/** Pages that a start touched. */
export interface RecordedRun extends DiskRun {
  /** When the first of them was touched, since the disk was opened. */
  readonly milliseconds: number;
}

/** What one start touched. docs/format.md §7 */
export interface Recording {
  readonly disk: RecordedDisk;
  /** How long it was watched. */
  readonly seconds: number;
  /** In order of first touch. A block that occurs again counts where it came first. */
  readonly runs: readonly RecordedRun[];
}

/** Far above what a start touches: a page each, of half an image of 6 GB. */
export const maxRecordedRuns = 200_000;
/** All runs of a recording together: 16 GiB. */
export const maxRecordedBlocks: number = 2 ** 22;
/** Room for the most runs there may be. Bytes. */
export const maxRecordingBytes: number = 8 * 1024 * 1024;

/** A week: nobody watches a start for longer. */
const maxSeconds = 7 * 24 * 3600;
const version = 1;
const part = "recording";

/** The document. Equal recordings give equal bytes. @throws {InvalidFormatError} when it breaks a rule of docs/format.md §7 */
export function encodeRecording(recording: Recording): Uint8Array {
  const { disk, seconds, runs } = checkRecording(recording);
  const document = {
    version,
    disk: { metadata: disk.metadata, layers: disk.layers },
    seconds,
    runs: runs.map(({ startBlock, blocks, milliseconds }) => [startBlock, blocks, milliseconds]),
  };
  const bytes = Buffer.from(JSON.stringify(document));
  if (bytes.length > maxRecordingBytes) throw tooLong(bytes.length);
  return bytes;
}

/** @throws {InvalidFormatError} naming the field that breaks a rule of docs/format.md §7 */
export function decodeRecording(bytes: Uint8Array): Recording {
  if (bytes.length > maxRecordingBytes) throw tooLong(bytes.length);
  const document = objectIn(parsed(bytes), "document");
  if (document["version"] !== version)
    throw new InvalidFormatError(part, "version", `${version}`, shown(document["version"]));
  const disk = objectIn(document["disk"], "disk");
  return checkRecording({
    disk: {
      metadata: digestIn(disk["metadata"], "disk.metadata"),
      layers: listIn(disk["layers"], "disk.layers", maxBlobs).map((layer, i) => digestIn(layer, `disk.layers.${i}`)),
    },
    seconds: numberIn(document["seconds"], "seconds"),
    runs: listIn(document["runs"], "runs", maxRecordedRuns).map(runIn),
  });
}

function checkRecording(recording: Recording): Recording {
  const { disk, seconds, runs } = recording;
  if (!(seconds >= 0 && seconds <= maxSeconds))
    throw new InvalidFormatError(part, "seconds", `0 to ${maxSeconds}`, seconds);
  if (disk.layers.length > maxBlobs) throw tooMany("disk.layers", maxBlobs, disk.layers.length);
  if (runs.length > maxRecordedRuns) throw tooMany("runs", maxRecordedRuns, runs.length);
  let total = 0;
  for (const [i, run] of runs.entries()) {
    checkRun(run, i);
    total += run.blocks;
  }
  if (total > maxRecordedBlocks)
    throw new InvalidFormatError(part, "runs", `at most ${maxRecordedBlocks} blocks`, total);
  return recording;
}

function checkRun({ startBlock, blocks, milliseconds }: RecordedRun, i: number): void {
  const inDisk = Number.isInteger(startBlock) && Number.isInteger(blocks) && startBlock >= 0 && blocks >= 1;
  if (!inDisk || startBlock + blocks > maxDiskBlocks) {
    const expected = `blocks of a disk of at most ${maxDiskBlocks}`;
    throw new InvalidFormatError(part, `runs.${i}`, expected, `${shown(blocks)} from ${shown(startBlock)}`);
  }
  if (!(milliseconds >= 0 && milliseconds <= maxSeconds * 1000)) {
    const expected = `0 to ${maxSeconds * 1000} milliseconds`;
    throw new InvalidFormatError(part, `runs.${i}`, expected, shown(milliseconds));
  }
}

function runIn(value: unknown, i: number): RecordedRun {
  const place = `runs.${i}`;
  const numbers = listIn(value, place, 3);
  if (numbers.length !== 3)
    throw new InvalidFormatError(part, place, "start block, blocks, milliseconds", `${numbers.length} values`);
  const [startBlock, blocks, milliseconds] = numbers.map((number) => numberIn(number, place));
  return { startBlock: startBlock ?? 0, blocks: blocks ?? 0, milliseconds: milliseconds ?? 0 };
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const start = Buffer.from(bytes.subarray(0, 40)).toString("latin1");
    throw new InvalidFormatError(part, "document", "JSON", shown(start), { cause: error });
  }
}

function objectIn(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>; // just checked
  throw new InvalidFormatError(part, place, "an object", shown(value));
}

function listIn(value: unknown, place: string, maxItems: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new InvalidFormatError(part, place, "a list", shown(value));
  if (value.length > maxItems) throw tooMany(place, maxItems, value.length);
  return value;
}

function numberIn(value: unknown, place: string): number {
  if (typeof value === "number") return value;
  throw new InvalidFormatError(part, place, "a number", shown(value));
}

function digestIn(value: unknown, place: string): Digest {
  if (typeof value === "string" && isDigest(value)) return value;
  throw new InvalidFormatError(part, place, "a digest", shown(value));
}

/** A hostile value can be long or deep; of lists and objects only the kind is told. */
const shown = (value: unknown): string =>
  typeof value === "object" && value !== null ? typeof value : String(JSON.stringify(value)).slice(0, 100);

const tooMany = (place: string, most: number, found: number): InvalidFormatError =>
  new InvalidFormatError(part, place, `at most ${most}`, found);

const tooLong = (found: number): InvalidFormatError =>
  new InvalidFormatError(part, "size", `at most ${maxRecordingBytes} bytes`, found);
