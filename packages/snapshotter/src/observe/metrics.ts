import { Counter, collectDefaultMetrics, Gauge, Histogram, type MetricValueWithName, Registry } from "prom-client";
import type { LatencyCounts, PushCounts } from "../fuse/index.js";

/** What the parts of the daemon have counted since they started; read when somebody asks. */
export interface NodeCounts {
  /** Images that containerd pulled, by how it went. */
  readonly pulls: Readonly<Record<string, number>>;
  readonly mounts: number;
  readonly disks: number;
  readonly reads: { readonly hits: number; readonly misses: number; readonly errors: number; readonly bytes: number };
  /** Of every kind, that the kernel has made. */
  readonly fuseRequests: number;
  readonly push: PushCounts;
  readonly hitTimes: LatencyCounts;
  /** From when they had to wait. */
  readonly missTimes: LatencyCounts;
  /** Of requests that are no reads, by operation. */
  readonly operationTimes: Readonly<Record<string, LatencyCounts>>;
  readonly deadlinesMissed: number;
  readonly waitingReads: number;
  readonly takeOvers: number;
  readonly resentRequests: number;
  readonly store: {
    readonly bytes: number;
    readonly budgetBytes: number;
    readonly chunks: number;
    readonly evictions: number;
    readonly damaged: number;
    readonly healed: number;
    readonly notStored: number;
    readonly degraded: boolean;
  };
  readonly fetch: {
    readonly requests: number;
    readonly failures: number;
    readonly inFlight: number;
    readonly unreadBytes: number;
    /** Compressed bytes by why they were fetched. */
    readonly bytes: Readonly<Record<string, number>>;
  };
}

/** The one list of what a node tells Prometheus: name, help, and where the value is found. */
const values: readonly (readonly [
  kind: "gauge" | "counter",
  name: string,
  help: string,
  value: (counts: NodeCounts) => number,
])[] = [
  ["gauge", "sluice_mounts", "Mounts of images, containers included", (c) => c.mounts],
  ["gauge", "sluice_disks", "Disks that are open", (c) => c.disks],
  ["counter", "sluice_read_hits_total", "Reads of disks answered from the store", (c) => c.reads.hits],
  ["counter", "sluice_read_misses_total", "Reads of disks that had to wait for a fetch", (c) => c.reads.misses],
  ["counter", "sluice_read_errors_total", "Reads of disks answered with EIO", (c) => c.reads.errors],
  ["counter", "sluice_read_deadlines_missed_total", "Of these, reads that waited too long", (c) => c.deadlinesMissed],
  ["counter", "sluice_read_bytes_total", "Bytes of disks given to readers", (c) => c.reads.bytes],
  ["counter", "sluice_fuse_requests_total", "Requests of the kernel, reads and all others", (c) => c.fuseRequests],
  ["counter", "sluice_push_bytes_total", "Bytes put into the page cache unasked", (c) => c.push.storedBytes],
  ["counter", "sluice_push_stores_total", "Messages that put them there", (c) => c.push.stores],
  ["counter", "sluice_push_absent_bytes_total", "Not pushed: not in the store", (c) => c.push.absentBytes],
  ["counter", "sluice_push_busy_bytes_total", "Not pushed: a read waits for them", (c) => c.push.busyBytes],
  ["counter", "sluice_push_unknown_bytes_total", "Not pushed: the kernel forgot the file", (c) => c.push.unknownBytes],
  ["counter", "sluice_push_dropped_bytes_total", "Not pushed: given up", (c) => c.push.droppedBytes],
  ["gauge", "sluice_reads_waiting", "Reads that wait for a fetch now", (c) => c.waitingReads],
  ["counter", "sluice_take_overs_total", "Daemons that went on with the mounts of one that died", (c) => c.takeOvers],
  ["counter", "sluice_resends_total", "Requests that the kernel sent again", (c) => c.resentRequests],
  ["gauge", "sluice_store_bytes", "Bytes of the chunk store on disk", (c) => c.store.bytes],
  ["gauge", "sluice_store_budget_bytes", "Bytes the chunk store may take", (c) => c.store.budgetBytes],
  ["gauge", "sluice_store_chunks", "Chunks in the store", (c) => c.store.chunks],
  ["gauge", "sluice_store_degraded", "1 while chunks cannot be kept", (c) => Number(c.store.degraded)],
  ["counter", "sluice_store_evictions_total", "Chunks dropped for room", (c) => c.store.evictions],
  ["counter", "sluice_store_damaged_total", "Damaged chunks found", (c) => c.store.damaged],
  ["counter", "sluice_store_healed_total", "Damaged chunks stored anew", (c) => c.store.healed],
  ["counter", "sluice_store_not_stored_total", "Chunks that could not be kept", (c) => c.store.notStored],
  ["counter", "sluice_fetch_requests_total", "Ranged requests to registries", (c) => c.fetch.requests],
  ["counter", "sluice_fetch_failures_total", "Ranged requests that failed", (c) => c.fetch.failures],
  ["gauge", "sluice_fetch_unread_bytes", "Compressed bytes fetched ahead and not read yet", (c) => c.fetch.unreadBytes],
  ["gauge", "sluice_fetch_in_flight", "Ranged requests in flight", (c) => c.fetch.inFlight],
];

/** How often the delay of the event loop is sampled: each sample wakes an idle daemon. Milliseconds. */
const eventLoopSampleMs = 1000;

/** The text that Prometheus reads. Counts of the parts are taken at each scrape, so that counting costs the parts nothing. */
export class NodeMetrics {
  readonly #registry = new Registry();

  constructor(counts: () => NodeCounts) {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: eventLoopSampleMs });
    for (const [kind, name, help, value] of values) this.#add(kind, name, help, () => value(counts()));
    const bytes = new Counter({
      name: "sluice_fetch_bytes_total",
      help: "Compressed bytes fetched, by cause",
      labelNames: ["cause"],
      registers: [this.#registry],
      collect() {
        bytes.reset();
        for (const [cause, amount] of Object.entries(counts().fetch.bytes)) bytes.inc({ cause }, amount);
      },
    });
    const pulls = new Counter({
      name: "sluice_pulls_total",
      help: "Images that containerd pulled: streamed, or why not",
      labelNames: ["outcome"],
      registers: [this.#registry],
      collect() {
        pulls.reset();
        for (const [outcome, count] of Object.entries(counts().pulls)) pulls.inc({ outcome }, count);
      },
    });
    this.#addTimes("sluice_read_hit_seconds", "Hits by time from request to answer", () => [[{}, counts().hitTimes]]);
    this.#addTimes("sluice_read_miss_seconds", "Misses by time until their answer", () => [[{}, counts().missTimes]]);
    this.#addTimes("sluice_fuse_request_seconds", "Requests that are no reads, by time from request to answer", () =>
      Object.entries(counts().operationTimes).map(([operation, times]) => [{ operation }, times]),
    );
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #add(kind: "gauge" | "counter", name: string, help: string, value: () => number): void {
    const registers = [this.#registry];
    if (kind === "gauge") {
      const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(value()) });
      return;
    }
    const counter: Counter = new Counter({
      name,
      help,
      registers,
      collect() {
        counter.reset();
        counter.inc(value());
      },
    });
  }

  /** Histograms that others filled, while prom-client can only fill them by observing. */
  #addTimes(name: string, help: string, times: () => readonly (readonly [Labels, LatencyCounts])[]): void {
    const histogram = new Histogram({ name, help, registers: [this.#registry] });
    const get = async () => ({
      ...{ name, help, type: "histogram", aggregator: "sum" },
      values: times().flatMap(([labels, counts]) => linesOf(name, labels, counts)),
    });
    // prom-client 15 asks the second of a histogram when it makes its text (lib/registry.js).
    Object.assign(histogram, { get, getForPromString: get });
  }
}

type Labels = Readonly<Record<string, string>>;

function linesOf(name: string, labels: Labels, { seconds, buckets }: LatencyCounts): MetricValueWithName<string>[] {
  let count = 0;
  const lines = buckets.map((more, i) => {
    count += more;
    const le = i === buckets.length - 1 ? "+Inf" : 2 ** (i + 1) / 1e6;
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
  });
  const sum = { metricName: `${name}_sum`, labels, value: seconds };
  return [...lines, sum, { metricName: `${name}_count`, labels, value: count }];
}
