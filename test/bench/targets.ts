/**
 * Holds what `all` measured against what this project wants, and prints each line: held or missed, what was measured, what was wanted.
 *
 *     node test/bench/run.js targets [DIRECTORY]
 *
 * Reads what is there of the parts `start`, `containerd`, `many-pods` and `micro` in DIRECTORY (default `.bench`), where `all` leaves them. Exits 1 when a line was missed.
 */
import { containerdLines, readThroughContainerd } from "./containerd-targets.js";
import { rounded } from "./figures.js";
import type { Micro } from "./micro-tables.js";
import { microLines } from "./micro-targets.js";
import { readImageParts, readPart } from "./parts.js";
import { atMost, type TargetLine } from "./target-line.js";

interface Figures {
  readonly "ready s": number;
  readonly requests: number;
  readonly "fetched MB": number;
  readonly "FUSE requests"?: number;
}
interface StartImage {
  readonly image: { readonly sizeBytes: number };
  readonly recorded: { readonly compressedBytes: number; readonly startupBytes: number };
  readonly limitSeconds: number;
  readonly full: Figures;
  readonly overlay: Figures;
  readonly streamed: Figures;
  readonly optimized: Figures;
  readonly warm: Figures;
}

export async function main([directory = ".bench"]: readonly string[]): Promise<void> {
  const start = await readImageParts<StartImage>(directory, "start");
  const micro = await readPart<Micro>(directory, "micro");
  const lines = [
    ...(start ? startLines(start) : []),
    ...containerdLines(await readThroughContainerd(directory)),
    ...(micro ? microLines(micro) : []),
  ];
  if (lines.length === 0) {
    throw new Error(`${directory} has no figures: make them with node test/bench/run.js all ${directory}`);
  }
  for (const { what, measured, bound, wanted, isHeld } of lines) {
    console.log(`${isHeld ? "held  " : "MISSED"} ${what}: ${rounded(measured)}, ${bound} ${rounded(wanted)}`);
  }
  const missed = lines.filter(({ isHeld }) => !isHeld).length;
  console.log(`${lines.length - missed} held, ${missed} missed`);
  if (missed > 0) process.exitCode = 1;
}

interface Start {
  readonly link: { readonly rtt: string };
  readonly images: Readonly<Record<string, StartImage>>;
}

function startLines({ link, images }: Start): TargetLine[] {
  const roundTripSeconds = Number.parseFloat(link.rtt) / 1000;
  return Object.entries(images).flatMap(([name, image]) => linesOf(name, image, roundTripSeconds));
}

/** Only where a start is not all work of the processor, or the image small, can it be eight times faster. */
const minBytesForEightTimes = 150e6;

function linesOf(name: string, image: StartImage, roundTripSeconds: number): TargetLine[] {
  const line = (what: string, measured: number, most: number) => atMost(`${name}: ${what}`, measured, most);
  const { limitSeconds: limit, recorded, full, overlay, streamed, optimized, warm } = image;
  const startupMegabytes = recorded.startupBytes / 1e6;
  const allowed = 1.25 * limit + 4 * roundTripSeconds + 0.3;
  const eighth = image.image.sizeBytes > minBytesForEightTimes && full["ready s"] / 8 > allowed;
  return [
    line("recorded, seconds to ready", optimized["ready s"], allowed),
    line("unrecorded, seconds to ready", streamed["ready s"], 2 * limit + 0.5),
    line("recorded, requests to ready", optimized.requests, 5),
    line("recorded, MB over the link", optimized["fetched MB"], 1.05 * startupMegabytes),
    line("startup blob, MB", startupMegabytes, (1.3 * recorded.compressedBytes) / 1e6),
    line("warm, seconds to ready", warm["ready s"], 0.9 * overlay["ready s"]),
    line("warm, FUSE requests", warm["FUSE requests"] ?? Number.NaN, 100),
    ...(eighth ? [line("recorded, an eighth of the full pull", optimized["ready s"], full["ready s"] / 8)] : []),
  ];
}
