import type { Fault, FaultPlan, FaultyRequest } from "./faults.js";
import { seededRandom } from "./seeded-random.js";

/** A fault that a registry has for a while. Milliseconds since the run began. */
export interface TimedFault {
  readonly atMs: number;
  readonly forMs: number;
  readonly fault: Fault;
  /** Share of the requests that it spoils, 0 to 1. */
  readonly probability: number;
}

export interface TimelineOptions {
  readonly seed: number;
  readonly lengthMs: number;
  /** Faults that begin within one minute, on average. */
  readonly perMinute: number;
}

/** What may happen, how often compared with the others, and to how many requests at most. */
const kinds: readonly { readonly weight: number; readonly most: number; fault(random: () => number): Fault }[] = [
  { weight: 3, most: 0.4, fault: (random) => ({ kind: "status", status: pick([500, 502, 503, 504, 429], random) }) },
  { weight: 3, most: 0.4, fault: (random) => ({ kind: "reset", afterBytes: Math.floor(random() * 200_000) }) },
  { weight: 1, most: 0.4, fault: () => ({ kind: "reset" }) },
  {
    weight: 2,
    most: 0.4,
    fault: (random) => ({ kind: "short-body", missingBytes: 1 + Math.floor(random() * 50_000) }),
  },
  { weight: 2, most: 0.1, fault: () => ({ kind: "wrong-bytes" }) },
  { weight: 1, most: 0.1, fault: () => ({ kind: "html" }) },
  { weight: 1, most: 0.1, fault: () => ({ kind: "wrong-range" }) },
  { weight: 1, most: 0.02, fault: (random) => ({ kind: "stall", afterBytes: Math.floor(random() * 100_000) }) },
  { weight: 2, most: 0.5, fault: (random) => ({ kind: "slow", bytesPerSecond: 200_000 + random() * 2_000_000 }) },
  { weight: 2, most: 1, fault: (random) => ({ kind: "delay", delayMs: Math.floor(random() * 300) }) },
  { weight: 2, most: 0.1, fault: () => ({ kind: "expire" }) },
];

/** Faults of every kind that a patient reader survives, each at a time, for a time and at a rate drawn from the seed. The same seed gives the same ones. */
export function seededTimeline({ seed, lengthMs, perMinute }: TimelineOptions): readonly TimedFault[] {
  const random = seededRandom(seed);
  const bag = kinds.flatMap((kind) => Array.from({ length: kind.weight }, () => kind));
  const timeline = Array.from({ length: Math.round((lengthMs / 60_000) * perMinute) }, (): TimedFault => {
    const kind = pick(bag, random);
    const fault = kind.fault(random);
    return {
      atMs: Math.floor(random() * lengthMs),
      forMs: 500 + Math.floor(random() * 4000),
      fault,
      probability: kind.most * (0.25 + 0.75 * random()),
    };
  });
  return timeline.sort((a, b) => a.atMs - b.atMs);
}

/** Lets the faults begin and end when they should. @returns a call that ends them all @param when which requests they spoil; default: all */
export function playTimeline(
  plan: FaultPlan,
  timeline: readonly TimedFault[],
  when?: (request: FaultyRequest) => boolean,
): () => void {
  const ends = new Set<() => void>();
  const timers = new Set<NodeJS.Timeout>();
  const after = (ms: number, work: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, ms);
    timers.add(timer);
  };
  for (const { atMs, forMs, fault, probability } of timeline) {
    after(atMs, () => {
      const end = plan.add({ fault, probability, ...(when && { when }) });
      ends.add(end);
      after(forMs, () => {
        ends.delete(end);
        end();
      });
    });
  }
  return () => {
    for (const timer of timers) clearTimeout(timer);
    for (const end of ends) end();
  };
}

function pick<T>(from: readonly T[], random: () => number): T {
  const picked = from[Math.floor(random() * from.length)];
  if (picked === undefined) throw new RangeError("nothing to pick from");
  return picked;
}
