import { setImmediate } from "node:timers/promises";
import { DigestMismatchError } from "@sluice/oci/content";
import { InvalidFormatError } from "../invalid-format-error.js";

/** A decoder under attack. */
export interface FuzzTarget {
  readonly name: string;
  /** A valid input, to be damaged. */
  readonly seed: Uint8Array;
  /**
   * Decodes; then encodes what came out, decodes that, and gives both values back as text. What a decoder accepts must survive that.
   * May throw what {@link refuses} names and nothing else.
   */
  roundTrip(input: Uint8Array): Promise<{ readonly first: string; readonly again: string }>;
  /** Whether an error is one that damaged input deserves: InvalidFormatError or DigestMismatchError when left out. */
  readonly refuses?: ((error: unknown) => boolean) | undefined;
}

const refusesFormat = (error: unknown): boolean =>
  error instanceof InvalidFormatError || error instanceof DigestMismatchError;

/** How a run ended. */
export interface FuzzOutcome {
  readonly refused: number;
  readonly accepted: number;
}

/** @throws {Error} naming the target, the seed and the run, with the input in hex, at the first decoder error of another class or unstable value */
export async function fuzzCodec(target: FuzzTarget, runs: number, seed: number): Promise<FuzzOutcome> {
  let refused = 0;
  let accepted = 0;
  for (let run = 0; run < runs; run++) {
    if (run % 256 === 255) await setImmediate(); // native memory is freed between turns of the event loop
    const input = damaged(target.seed, randomFrom(seed + run));
    const where = `${target.name}, seed ${seed}, run ${run}, input ${Buffer.from(input).toString("hex").slice(0, 4000)}`;
    const outcome = await attempt(target, input, where);
    if (outcome === "refused") refused++;
    else accepted++;
  }
  return { refused, accepted };
}

async function attempt(target: FuzzTarget, input: Uint8Array, where: string): Promise<"refused" | "accepted"> {
  let values: Awaited<ReturnType<FuzzTarget["roundTrip"]>>;
  try {
    values = await target.roundTrip(input);
  } catch (error) {
    if ((target.refuses ?? refusesFormat)(error)) return "refused";
    throw new Error(`${where}: ${String(error)}`, { cause: error });
  }
  if (values.first !== values.again) throw new Error(`${where}: accepted, but encodes to something else`);
  return "accepted";
}

type Random = (below: number) => number;

/** mulberry32: small, seeded, the same everywhere. */
function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One to four of: a flipped bit, an interesting number, a cut, an extension, a doubled or removed run. */
function damaged(seed: Uint8Array, random: Random): Uint8Array {
  let bytes = new Uint8Array(seed);
  for (let left = 1 + random(4); left > 0; left--) bytes = damagedOnce(bytes, random);
  return bytes;
}

const interesting: readonly number[] = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x20_0000];

function damagedOnce(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0) return Uint8Array.of(random(256));
  const at = random(bytes.length);
  const length = random(Math.min(64, bytes.length - at)) + 1;
  switch (random(8)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return new Uint8Array(Buffer.concat([bytes, bytes.subarray(at, at + length)]));
    case 2:
      return new Uint8Array(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]));
    case 3:
      return new Uint8Array(Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]));
    case 4:
    case 5: {
      const width = [1, 4][random(2)] ?? 1;
      const number = interesting[random(interesting.length)] ?? 0;
      for (let i = 0; i < width && at + i < bytes.length; i++) bytes[at + i] = (number >>> (8 * i)) & 0xff;
      return bytes;
    }
    default:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
      return bytes;
  }
}
