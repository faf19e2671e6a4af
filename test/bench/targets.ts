/**
 * Holds the starts of one run of `start` against what this project wants of them, and prints each line with what was wanted and what was measured.
 *
 *     node test/bench/run.js targets [DIRECTORY]
 *
 * Reads `start.json`, and `micro.json` and `containerd.json` if they are there, in DIRECTORY (default `.bench`), where `all` leaves them. Exits 1 when a line was missed.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { containerdTargets } from "./containerd-targets.js";
import { rounded } from "./figures.js";
import { type Micro, microLines } from "./micro-tables.js";

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

interface Line {
  readonly what: string;
  readonly measured: number;
  readonly most: number;
}

export async function main([directory = ".bench"]: readonly string[]): Promise<void> {
  const start = JSON.parse(await readFile(join(directory, "start.json"), "utf8")) as {
    readonly link: { readonly rtt: string };
    readonly images: Readonly<Record<string, StartImage>>;
  }; // written by the bench of that name
  const roundTripSeconds = Number.parseFloat(start.link.rtt) / 1000;
  const lines = Object.entries(start.images).flatMap(([name, image]) =>
    linesOf(image, roundTripSeconds).map((line) => ({ image: name, ...line })),
  );
  lines.push(...(await containerdTargets(join(directory, "containerd.json"))));
  for (const { image, what, measured, most } of lines) {
    console.log(
      `${measured <= most ? "ok    " : "MISSED"} ${image}: ${what}: ${rounded(measured)}, at most ${rounded(most)}`,
    );
  }
  const micro = await readMicro(join(directory, "micro.json"));
  const reads = micro === undefined ? [] : microLines(micro);
  for (const { what, measured, wanted, isEnough } of reads) {
    console.log(`${isEnough ? "ok    " : "MISSED"} ${what}: ${rounded(measured)}, wanted ${rounded(wanted)}`);
  }
  if (lines.some(({ measured, most }) => measured > most) || reads.some(({ isEnough }) => !isEnough)) {
    process.exitCode = 1;
  }
}

/** Undefined when that bench was not run. */
async function readMicro(path: string): Promise<Micro | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Micro; // written by the bench of that name
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Only where a start is not all work of the processor, or the image small, can it be eight times faster. */
const minBytesForEightTimes = 150e6;

function linesOf(image: StartImage, roundTripSeconds: number): Line[] {
  const { limitSeconds: limit, recorded, full, overlay, streamed, optimized, warm } = image;
  const startupMegabytes = recorded.startupBytes / 1e6;
  const allowed = 1.25 * limit + 4 * roundTripSeconds + 0.3;
  const eighth = image.image.sizeBytes > minBytesForEightTimes && full["ready s"] / 8 > allowed;
  return [
    { what: "recorded, seconds to ready", measured: optimized["ready s"], most: allowed },
    { what: "unrecorded, seconds to ready", measured: streamed["ready s"], most: 2 * limit + 0.5 },
    { what: "recorded, requests to ready", measured: optimized.requests, most: 5 },
    { what: "recorded, MB over the link", measured: optimized["fetched MB"], most: 1.05 * startupMegabytes },
    { what: "startup blob, MB", measured: startupMegabytes, most: (1.3 * recorded.compressedBytes) / 1e6 },
    { what: "warm, seconds to ready", measured: warm["ready s"], most: 0.9 * overlay["ready s"] },
    { what: "warm, FUSE requests", measured: warm["FUSE requests"] ?? Number.NaN, most: 100 },
    ...(eighth
      ? [{ what: "recorded, an eighth of the full pull", measured: optimized["ready s"], most: full["ready s"] / 8 }]
      : []),
  ];
}
