import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { AbortOptions } from "@sluice/oci";
import type { ChunkCompressor, ChunkJob, CompressedChunk } from "./chunk-compressor.js";
import type { WorkerAnswer, WorkerJob } from "./chunk-worker.js";
import { frameRoomBytes } from "./compress-chunk.js";
import { threadLimits } from "./thread-limits.js";

interface Waiting {
  readonly blocks: number;
  readonly slot: number;
  readonly resolve: (chunk: CompressedChunk) => void;
  readonly reject: (reason: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Jobs it was given, oldest first: it answers in that order. */
  readonly waiting: Waiting[];
}

/** A pool of worker threads stopped working; the cause says why. */
export class CompressorFailedError extends Error {
  override readonly name = "CompressorFailedError";
  readonly code = "COMPRESSOR_FAILED";
}

/** Jobs a thread holds: one under way, two ready, so that it never waits for this thread. */
const jobsPerThread = 3;
/** More threads than this wait for the one that unpacks. */
const maxThreads = 16;

/** {@link ChunkCompressor} on worker threads. Started by the first job, stopped by dispose. */
export class CompressorPool implements ChunkCompressor {
  readonly maxInFlight: number;
  readonly #threadCount: number;
  readonly #threads: Thread[] = [];
  readonly #frames: SharedArrayBuffer;
  readonly #freeSlots: number[];
  #failure: CompressorFailedError | undefined;
  #disposed = false;

  constructor(threadCount: number = Math.min(availableParallelism(), maxThreads)) {
    this.#threadCount = threadCount;
    this.maxInFlight = threadCount * jobsPerThread;
    this.#frames = new SharedArrayBuffer(this.maxInFlight * frameRoomBytes);
    this.#freeSlots = Array.from({ length: this.maxInFlight }, (_, slot) => slot);
  }

  compress(job: ChunkJob, options?: AbortOptions): Promise<CompressedChunk> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (options?.signal?.aborted === true) return Promise.reject(options.signal.reason);
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return Promise.reject(new RangeError(`more than ${this.maxInFlight} chunks in flight`));
    const thread = this.#idlest();
    return new Promise((resolve, reject) => {
      thread.waiting.push({ blocks: job.blocks, slot, resolve, reject });
      thread.worker.postMessage({ ...job, slot } satisfies WorkerJob);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
    this.#fail(new CompressorFailedError("compression was stopped"));
  }

  #idlest(): Thread {
    const [first, ...rest] = this.#threads;
    const idlest = rest.reduce((a, b) => (b.waiting.length < (a?.waiting.length ?? 0) ? b : a), first);
    const start = this.#threads.length < this.#threadCount && (idlest === undefined || idlest.waiting.length > 0);
    return start || idlest === undefined ? this.#start() : idlest;
  }

  #start(): Thread {
    const worker = new Worker(new URL("./chunk-worker.js", import.meta.url), {
      workerData: this.#frames,
      execArgv: [], // options for the program that we run in are none for it
      resourceLimits: threadLimits,
    });
    const thread: Thread = { worker, waiting: [] };
    worker.on("message", (answer: WorkerAnswer) => {
      const waiting = thread.waiting.shift();
      if (waiting !== undefined) this.#answer(waiting, answer);
    });
    worker.on("error", (cause) => this.#fail(new CompressorFailedError("a compressing thread failed", { cause })));
    worker.on("exit", (code) => {
      if (!this.#disposed) this.#fail(new CompressorFailedError(`a compressing thread ended with code ${code}`));
    });
    this.#threads.push(thread);
    return thread;
  }

  #answer({ blocks, slot, resolve, reject }: Waiting, answer: WorkerAnswer): void {
    const release = (): void => void this.#freeSlots.push(slot);
    if ("error" in answer) {
      release();
      reject(answer.error);
      return;
    }
    const frame = new Uint8Array(this.#frames, slot * frameRoomBytes, answer.frameBytes);
    resolve({ blocks, sha256: answer.sha256, frame, release });
  }

  #fail(error: CompressorFailedError): void {
    this.#failure ??= error;
    for (const { waiting } of this.#threads) {
      for (const { reject } of waiting.splice(0)) reject(this.#failure);
    }
  }
}
