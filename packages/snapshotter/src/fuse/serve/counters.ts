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
  "hitMicroseconds",
  "resent",
] as const;

export type CounterName = (typeof counterNames)[number];

/** Bucket `i` of the histogram holds hits that took less than 2^(i+1) µs and not less than 2^i (the first: less than 2). The last is open. */
const latencyBuckets = 20;

/** Cache lines to itself for every thread. Bytes. */
const strideBytes: number = Math.ceil(((counterNames.length + latencyBuckets) * 8) / 64) * 64;

/** Room for the counters of `threads` threads. */
export const createCounters = (threads: number): SharedArrayBuffer => new SharedArrayBuffer(threads * strideBytes);

/** One thread's counters: only that thread adds, anybody reads. Plain doubles: a reader may see a sum that is one request old, never half of one. */
export class ThreadCounters {
  readonly #values: Float64Array;

  constructor(shared: SharedArrayBuffer, thread: number) {
    this.#values = new Float64Array(shared, thread * strideBytes, counterNames.length + latencyBuckets);
  }

  add(column: number, amount: number): void {
    this.#values[column] = (this.#values[column] ?? 0) + amount;
  }

  /** A hit that took this long from the end of read(2) to the end of write(2). */
  addHit(milliseconds: number): void {
    const microseconds = milliseconds * 1000;
    this.add(counterColumn.hits, 1);
    this.add(counterColumn.hitMicroseconds, microseconds);
    const bucket = 31 - Math.clz32(microseconds);
    this.add(counterNames.length + Math.min(Math.max(bucket, 0), latencyBuckets - 1), 1);
  }

  get(column: number): number {
    return this.#values[column] ?? 0;
  }

  bucket(index: number): number {
    return this.get(counterNames.length + index);
  }
}

/** The column of each counter. */
export const counterColumn: Readonly<Record<CounterName, number>> = Object.fromEntries(
  counterNames.map((name, column) => [name, column]),
) as Record<CounterName, number>; // every name is in the list

/** The sum over all threads. */
export interface FuseStats extends Readonly<Record<CounterName, number>> {
  /** Hits by latency; see {@link latencyBuckets}. */
  readonly hitLatency: readonly number[];
}

export function sumCounters(shared: SharedArrayBuffer, threads: number): FuseStats {
  const all = Array.from({ length: threads }, (_, thread) => new ThreadCounters(shared, thread));
  const sum = (value: (counters: ThreadCounters) => number): number =>
    all.reduce((total, counters) => total + value(counters), 0);
  const named = counterNames.map((name, column) => [name, sum((counters) => counters.get(column))] as const);
  return {
    ...(Object.fromEntries(named) as Record<CounterName, number>), // every name is in the list
    hitLatency: Array.from({ length: latencyBuckets }, (_, index) => sum((counters) => counters.bucket(index))),
  };
}
