import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import type { FuzzTarget } from "@sluice/disk/testing";
import { sha256Of } from "@sluice/oci/content";
import { planLayer } from "../layer/plan-layer.js";
import { plannedChunksOf } from "../layer/planned-chunks.js";
import { scanTar } from "../layer/scan-tar.js";
import { openTemporaryFile } from "../layer/temporary-file.js";
import { TarInvalidError } from "../tar/errors.js";
import { putChecksum } from "./raw-tar.js";
import { archive, makeTree } from "./real-tars.js";
import { scanned } from "./scanned-tar.js";

const archives: readonly (readonly [name: string, program: string, args: readonly string[]])[] = [
  ["GNU tar", "tar", ["--format=gnu", "-S", "--blocking-factor=1", "-cf", "-"]],
  [
    "PAX with a sparse map in its header",
    "tar",
    ["--format=posix", "-S", "--sparse-version=0.1", "--blocking-factor=1", "-cf", "-"],
  ],
  [
    "PAX with a sparse map in the data",
    "tar",
    ["--format=posix", "-S", "--sparse-version=1.0", "--blocking-factor=1", "-cf", "-"],
  ],
  ["PAX of bsdtar", "bsdtar", ["--format=pax", "-b", "1", "-cf", "-"]],
];

/** How the buffers of the second scan lie: across headers, names and content. Bytes. */
const oddPieceBytes = 777;

/**
 * Archives of real programs, to be damaged: as they are then, which the checksums mostly notice, and with their checksums put right, which
 * lets the damage through to everything behind. A damaged tar is refused with a TarInvalidError, or gives every one of its bytes; the same
 * however its buffers are cut. Its layer can then be planned.
 */
export async function tarFuzzTargets(): Promise<FuzzTarget[]> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-fuzz-"));
  try {
    await makeTree(directory, 700);
    const targets: FuzzTarget[] = [];
    for (const [name, program, args] of archives) {
      const seed = await archive(directory, program, args);
      targets.push(
        { name, seed, refuses, roundTrip: (input) => scannedTwice(Buffer.from(input)) },
        { name: `${name}, right checksums`, seed, refuses, roundTrip: (input) => scannedTwice(rightChecksums(input)) },
        { name: `${name}, as a layer`, seed, refuses, roundTrip: (input) => planned(rightChecksums(input)) },
      );
    }
    return targets;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const refuses = (error: unknown): boolean => error instanceof TarInvalidError;

/** Whole and in pieces; what comes out, and what both say when they refuse it. */
async function scannedTwice(tar: Buffer): ReturnType<FuzzTarget["roundTrip"]> {
  const [first, again] = [outcome(tar, tar.length), outcome(tar, oddPieceBytes)];
  if (first.error !== undefined && first.error.message === again.error?.message) throw first.error;
  return { first: first.text, again: again.text };
}

function outcome(tar: Buffer, pieceBytes: number): { readonly text: string; readonly error?: TarInvalidError } {
  try {
    const { entries, rebuilt } = scanned(tar, Math.max(1, pieceBytes));
    const lost = rebuilt.equals(tar) ? "" : `, bytes lost in pieces of ${pieceBytes}`; // equal to no other outcome
    return { text: inspect(entries, { depth: 5, maxArrayLength: null }) + lost };
  } catch (error) {
    if (error instanceof TarInvalidError) return { text: error.message, error };
    throw error;
  }
}

async function planned(tar: Buffer): ReturnType<FuzzTarget["roundTrip"]> {
  await using contents = await openTemporaryFile(tmpdir());
  const scan = await scanTar(piecesOf(tar), { contents });
  const { index, chunks } = planLayer(scan);
  const { blocks } = plannedChunksOf(chunks);
  const first = `${sha256Of(tar)}, ${index.dataBlocks} blocks`;
  return { first, again: `${scan.diffId}, ${blocks.reduce((sum, count) => sum + count, 0)} blocks` };
}

async function* piecesOf(tar: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < tar.length; at += 10_000) yield tar.subarray(at, at + 10_000);
}

/** Whatever says that it is a header gets the checksum of one. */
function rightChecksums(input: Uint8Array): Buffer {
  const tar = Buffer.from(input);
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    if (tar.toString("latin1", at + 257, at + 262) === "ustar") putChecksum(tar.subarray(at, at + 512));
  }
  return tar;
}
