import { availableParallelism } from "node:os";
import type { AbortOptions } from "@sluice/oci";
import type { LayerScan, LayerScanner, ScanJob } from "./layer-scanner.js";
import { ScanThread } from "./scan-thread.js";

/** Layers that are scanned at once: each takes a processor and, to decompress, half of another one. More would only take more disk at a time. */
const maxThreads = 2;

/** {@link LayerScanner} on worker threads. Each is started by a scan for which none is free, and stopped by dispose. */
export class ScannerPool implements LayerScanner {
  readonly maxScans: number = Math.max(1, Math.min(availableParallelism() >> 1, maxThreads));
  readonly #threads: ScanThread[] = [];

  scan(job: ScanJob, content: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<LayerScan> {
    return this.#idlest().scan(job, content, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()));
  }

  #idlest(): ScanThread {
    const [idlest] = this.#threads.toSorted((a, b) => a.scans - b.scans);
    if (idlest !== undefined && (idlest.scans === 0 || this.#threads.length === this.maxScans)) return idlest;
    const thread = new ScanThread(new URL("./scan-worker.js", import.meta.url));
    this.#threads.push(thread);
    return thread;
  }
}
