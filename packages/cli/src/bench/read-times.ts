/** How long a daemon took for the reads that reached it. */
export interface ReadTimes {
  readonly total: number;
  /** Of these, how many took so long at most. Rising; the longest may be missing. */
  readonly atMost: readonly { readonly seconds: number; readonly reads: number }[];
}

/** Hits and misses alike: who reads does not see which it was. */
const bucketLine = /^sluice_read_(?:hit|miss)_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm;

/** @param metrics of a daemon, Prometheus text format */
export function readTimesIn(metrics: string): ReadTimes {
  const buckets = [...metrics.matchAll(bucketLine)].map(([, least, reads]) => ({
    seconds: Number(least?.replace("+Inf", "Infinity")),
    reads: Number(reads),
  }));
  return ofBuckets(buckets);
}

/** What came between two looks at the same daemon. */
export function readTimesSince(before: ReadTimes, after: ReadTimes): ReadTimes {
  const less = ({ total, atMost }: ReadTimes): ReadTimes => ({
    total: -total,
    atMost: atMost.map(({ seconds, reads }) => ({ seconds, reads: -reads })),
  });
  return sumReadTimes([after, less(before)]);
}

/** All have the same buckets. */
export function sumReadTimes(all: readonly ReadTimes[]): ReadTimes {
  return ofBuckets(
    all.flatMap(({ total, atMost }) => [...atMost, { seconds: Number.POSITIVE_INFINITY, reads: total }]),
  );
}

function ofBuckets(buckets: readonly { readonly seconds: number; readonly reads: number }[]): ReadTimes {
  const sums = new Map<number, number>();
  for (const { seconds, reads } of buckets) sums.set(seconds, (sums.get(seconds) ?? 0) + reads);
  const total = sums.get(Number.POSITIVE_INFINITY) ?? 0;
  sums.delete(Number.POSITIVE_INFINITY);
  const atMost = [...sums].sort(([a], [b]) => a - b).map(([seconds, reads]) => ({ seconds, reads }));
  return { total, atMost };
}
