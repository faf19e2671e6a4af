import { expect, it } from "vitest";
import { readTimesIn, readTimesSince, sumReadTimes } from "./read-times.js";

const metrics = `# TYPE sluice_read_hit_seconds histogram
sluice_read_hit_seconds_bucket{le="0.000002"} 1
sluice_read_hit_seconds_bucket{le="0.000004"} 3
sluice_read_hit_seconds_bucket{le="+Inf"} 4
sluice_read_hit_seconds_sum 0.1
sluice_read_miss_seconds_bucket{le="0.000002"} 0
sluice_read_miss_seconds_bucket{le="0.000004"} 2
sluice_read_miss_seconds_bucket{le="+Inf"} 2
sluice_fuse_seconds_bucket{operation="open",le="0.000002"} 9
`;
const times = {
  total: 6,
  atMost: [
    { seconds: 0.000002, reads: 1 },
    { seconds: 0.000004, reads: 5 },
  ],
};

it("counts hits and misses of a daemon together, by how long they took", () => {
  expect(readTimesIn(metrics)).toEqual(times);
  expect(readTimesIn("")).toEqual({ total: 0, atMost: [] });
});

it("tells what came between two looks, and of several runs together", () => {
  const later = readTimesIn(metrics.replace('{le="+Inf"} 4', '{le="+Inf"} 9'));
  expect(readTimesSince(times, later)).toEqual({
    total: 5,
    atMost: times.atMost.map(({ seconds }) => ({ seconds, reads: 0 })),
  });
  expect(readTimesSince({ total: 0, atMost: [] }, times)).toEqual(times);
  expect(sumReadTimes([times, times])).toEqual({
    total: 12,
    atMost: times.atMost.map(({ seconds, reads }) => ({ seconds, reads: 2 * reads })),
  });
});
