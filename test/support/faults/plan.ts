import { seededRandom, seededTimeline, type TimedFault } from "@sluice/oci/testing";
import type { Damage } from "./damage.js";

/** Something that happens to a node while its readers read. */
export type NodeStep =
  /** The page cache is dropped: readers reach the store again. */
  | { readonly kind: "drop-caches" }
  /** The disk of the store has no room. */
  | { readonly kind: "full-disk"; readonly forMs: number }
  /** No request reaches the registry. */
  | { readonly kind: "registry-away"; readonly forMs: number }
  | { readonly kind: "damage"; readonly damage: Damage }
  /** Programs that read the mount are killed in the middle of a read. */
  | { readonly kind: "kill-readers" }
  /** A second mount of the image is taken away while programs read it. */
  | { readonly kind: "unmount-under-load" }
  /** The daemon is killed, where somebody brings it back. */
  | { readonly kind: "kill-daemon" };

interface TimedStep {
  readonly atMs: number;
  readonly step: NodeStep;
}

/** One life of the daemon: what happens while it runs, and to its disk when it has ended. */
export interface LifePlan {
  readonly seed: number;
  readonly lengthMs: number;
  readonly faults: readonly TimedFault[];
  readonly steps: readonly TimedStep[];
  readonly afterwards: readonly Damage[];
}

export interface PlanOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Of reads. With it the registry is away for longer once in a life that is long enough, and reads may fail. Milliseconds. */
  readonly deadlineMs: number;
  readonly canKillDaemon: boolean;
}

const longestLifeMs = 60_000;
const shortestLifeMs = 8_000;
/** One step of a node in so many milliseconds, on average. */
const stepEveryMs = 900;

/** Damage that a running daemon must notice by itself. Flipped bits are found at the first use in a life: docs/adr/0005-durability.md */
const whileRunning: readonly Damage[] = ["truncate-segment", "delete-segment", "delete-index", "rubbish-in-index"];
const whileStopped: readonly Damage[] = [...whileRunning, "flip-bits", "flip-bits", "flip-bits"];

/** The lives of a run. The same seed gives the same ones. */
export function planRun({ seed, seconds, deadlineMs, canKillDaemon }: PlanOptions): readonly LifePlan[] {
  const random = seededRandom(seed);
  const lives: LifePlan[] = [];
  for (let left = seconds * 1000; left > 0; ) {
    const wanted = shortestLifeMs + random() * (longestLifeMs - shortestLifeMs);
    const lengthMs = Math.min(left, left - wanted < shortestLifeMs ? left : wanted, longestLifeMs + shortestLifeMs);
    lives.push(planLife(Math.floor(random() * 2 ** 31), Math.max(lengthMs, 1000), deadlineMs, canKillDaemon));
    left -= lengthMs;
  }
  return lives;
}

function planLife(seed: number, lengthMs: number, deadlineMs: number, canKillDaemon: boolean): LifePlan {
  const random = seededRandom(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T; // never empty here
  const draws: readonly (() => NodeStep)[] = [
    () => ({ kind: "drop-caches" }),
    () => ({ kind: "drop-caches" }),
    () => ({ kind: "full-disk", forMs: 500 + Math.floor(random() * 2000) }),
    () => ({ kind: "registry-away", forMs: 300 + Math.floor(random() * 1500) }),
    () => ({ kind: "damage", damage: pick(whileRunning) }),
    () => ({ kind: "kill-readers" }),
    () => ({ kind: "unmount-under-load" }),
    ...(canKillDaemon ? [(): NodeStep => ({ kind: "kill-daemon" })] : []),
  ];
  const steps = Array.from({ length: Math.round(lengthMs / stepEveryMs) }, (): TimedStep => {
    return { atMs: Math.floor(random() * lengthMs * 0.9), step: pick(draws)() };
  });
  if (lengthMs > 2 * deadlineMs) {
    steps.push({ atMs: Math.floor(lengthMs / 4), step: { kind: "registry-away", forMs: deadlineMs + 5000 } });
  }
  return {
    seed,
    lengthMs,
    faults: seededTimeline({ seed, lengthMs, perMinute: 60 }),
    steps: steps.sort((a, b) => a.atMs - b.atMs),
    afterwards: Array.from({ length: 3 }, () => pick(whileStopped)),
  };
}
