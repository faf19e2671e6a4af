/** Bucket `i` holds what took less than 2^(i+1) µs and not less than 2^i (the first: less than 2). The last is open: a minute and more. */
const buckets = 26;

/** Doubles that one histogram takes: the sum in microseconds, then the buckets. */
export const latencyColumns: number = 1 + buckets;

/** A histogram of times. */
export interface LatencyCounts {
  readonly seconds: number;
  /** Bucket `i` took less than 2^(i+1) microseconds; the last is open. */
  readonly buckets: readonly number[];
}

/** A histogram in memory that one thread adds to, and anybody reads. */
export class Latency {
  readonly #values: Float64Array;

  /** @param values of {@link latencyColumns} */
  constructor(values: Float64Array = new Float64Array(latencyColumns)) {
    this.#values = values;
  }

  add(milliseconds: number): void {
    const microseconds = milliseconds * 1000;
    const bucket = Math.min(Math.max(31 - Math.clz32(microseconds), 0), buckets - 1);
    this.#values[0] = (this.#values[0] ?? 0) + microseconds;
    this.#values[1 + bucket] = (this.#values[1 + bucket] ?? 0) + 1;
  }

  counts(): LatencyCounts {
    const [microseconds = 0, ...counted] = this.#values;
    return { seconds: microseconds / 1e6, buckets: counted };
  }
}

/** No time at all. */
export const noLatency = (): LatencyCounts => sumLatency([]);

export function sumLatency(all: readonly LatencyCounts[]): LatencyCounts {
  const sum = (value: (counts: LatencyCounts) => number): number => all.reduce((total, one) => total + value(one), 0);
  return {
    seconds: sum(({ seconds }) => seconds),
    buckets: Array.from({ length: buckets }, (_, i) => sum((one) => one.buckets[i] ?? 0)),
  };
}
