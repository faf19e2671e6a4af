import { Latency, type LatencyCounts, latencyColumns, sumLatency } from "./latency.js";

/** Names of what one thread counts; the order is that of the columns. Operations, then facts about READ. Bytes where the name says so; `resent`: requests that came a second time. */
const counterNames = [
  "lookups",
  "getattrs",
  "opens",
  "readdirs",
  "forgets",
  "interrupts",
  "others",
  "reads",
  "readBytes",
  "hits",
  "misses",
  "errors",
  "resent",
] as const;

export type CounterName = (typeof counterNames)[number];

/** Requests whose time is kept, from the end of read(2) to the end of write(2): hits, and the operations that are no reads. */
const timedNames = ["hit", "lookup", "getattr", "open", "readdir", "other"] as const;

export type TimedName = (typeof timedNames)[number];

/** Cache lines to itself for every thread. Bytes. */
const strideBytes: number = Math.ceil(((counterNames.length + timedNames.length * latencyColumns) * 8) / 64) * 64;

/** Room for the counters of `threads` threads. */
export const createCounters = (threads: number): SharedArrayBuffer => new SharedArrayBuffer(threads * strideBytes);

/** One thread's counters: only that thread adds, anybody reads. Plain doubles: a reader may see a sum that is one request old, never half of one. */
export class ThreadCounters {
  readonly #values: Float64Array;
  readonly times: Readonly<Record<TimedName, Latency>>;

  constructor(shared: SharedArrayBuffer, thread: number) {
    const start = thread * strideBytes;
    this.#values = new Float64Array(shared, start, counterNames.length);
    const times = timedNames.map((name, i) => {
      const offset = start + (counterNames.length + i * latencyColumns) * 8;
      return [name, new Latency(new Float64Array(shared, offset, latencyColumns))] as const;
    });
    this.times = Object.fromEntries(times) as Record<TimedName, Latency>; // every name is in the list
  }

  add(column: number, amount: number): void {
    this.#values[column] = (this.#values[column] ?? 0) + amount;
  }

  /** A hit that took this long. */
  addHit(milliseconds: number): void {
    this.add(counterColumn.hits, 1);
    this.times.hit.add(milliseconds);
  }

  get(column: number): number {
    return this.#values[column] ?? 0;
  }
}

/** The column of each counter. */
export const counterColumn: Readonly<Record<CounterName, number>> = Object.fromEntries(
  counterNames.map((name, column) => [name, column]),
) as Record<CounterName, number>; // every name is in the list

/** The sum over all threads. */
export interface FuseStats extends Readonly<Record<CounterName, number>> {
  readonly times: Readonly<Record<TimedName, LatencyCounts>>;
}

export function sumCounters(shared: SharedArrayBuffer, threads: number): FuseStats {
  const all = Array.from({ length: threads }, (_, thread) => new ThreadCounters(shared, thread));
  const sum = (value: (counters: ThreadCounters) => number): number =>
    all.reduce((total, counters) => total + value(counters), 0);
  const named = counterNames.map((name, column) => [name, sum((counters) => counters.get(column))] as const);
  return {
    ...(Object.fromEntries(named) as Record<CounterName, number>), // every name is in the list
    times: Object.fromEntries(
      timedNames.map((name) => [name, sumLatency(all.map(({ times }) => times[name].counts()))] as const),
    ) as Record<TimedName, LatencyCounts>, // every name is in the list
  };
}
