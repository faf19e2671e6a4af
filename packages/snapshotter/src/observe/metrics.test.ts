import { describe, expect, it } from "vitest";
import { type NodeCounts, NodeMetrics } from "./metrics.js";

const counts = (hits: number): NodeCounts => ({
  mounts: 3,
  disks: 2,
  reads: { hits, misses: 5, errors: 1, bytes: 4096 },
  fuseRequests: 20,
  push: { stores: 4, storedBytes: 8192, absentBytes: 1, busyBytes: 2, unknownBytes: 3, droppedBytes: 5 },
  hitTimes: { seconds: 0.25, buckets: [1, 0, 4] },
  missTimes: { seconds: 3, buckets: [0, 2] },
  operationTimes: { lookup: { seconds: 1, buckets: [0, 7] } },
  deadlinesMissed: 1,
  pulls: { streamed: 2 },
  takeOvers: 3,
  resentRequests: 17,
  waitingReads: 0,
  store: {
    bytes: 10,
    budgetBytes: 20,
    chunks: 1,
    evictions: 0,
    damaged: 2,
    healed: 2,
    notStored: 0,
    degraded: true,
  },
  fetch: { requests: 7, failures: 1, inFlight: 2, unreadBytes: 0, bytes: { demand: 100, background: 50 } },
});

describe("the metrics of a node", () => {
  it("are the counts of the moment they are asked for", async () => {
    let hits = 10;
    const metrics = new NodeMetrics(() => counts(hits));
    expect(await metrics.text()).toMatch(/^sluice_read_hits_total 10$/m);
    hits = 12;
    const text = await metrics.text();
    expect(text).toMatch(/^sluice_read_hits_total 12$/m);
    expect(text).toMatch(/^sluice_mounts 3$/m);
    expect(text).toMatch(/^sluice_store_degraded 1$/m);
  });

  it("split fetched bytes by cause", async () => {
    const metrics = new NodeMetrics(() => counts(1));
    await metrics.text();
    const text = await metrics.text();
    expect(text).toMatch(/^sluice_fetch_bytes_total\{cause="demand"\} 100$/m);
    expect(text).toMatch(/^sluice_fetch_bytes_total\{cause="background"\} 50$/m);
  });

  it("have a cumulative histogram of hits in seconds", async () => {
    const text = await new NodeMetrics(() => counts(1)).text();
    expect(text).toMatch(/^sluice_read_hit_seconds_bucket\{le="0.000002"\} 1$/m);
    expect(text).toMatch(/^sluice_read_hit_seconds_bucket\{le="\+Inf"\} 5$/m);
    expect(text).toMatch(/^sluice_read_hit_seconds_sum 0.25$/m);
    expect(text).toMatch(/^sluice_read_hit_seconds_count 5$/m);
    expect(text).toMatch(/^# TYPE sluice_read_hit_seconds histogram$/m);
  });

  it("have histograms of misses, and of the other requests by operation", async () => {
    const text = await new NodeMetrics(() => counts(1)).text();
    expect(text).toMatch(/^sluice_read_miss_seconds_count 2$/m);
    expect(text).toMatch(/^sluice_fuse_request_seconds_count\{operation="lookup"\} 7$/m);
    expect(text).toMatch(/^sluice_read_deadlines_missed_total 1$/m);
  });

  it("tell of the process as well", async () => {
    expect(await new NodeMetrics(() => counts(1)).text()).toMatch(/^process_resident_memory_bytes /m);
  });
});
