import { Worker } from "node:worker_threads";
import PQueue from "p-queue";
import type { KeptLayer, MergedMetadata, MergeJob } from "./merge-layers-job.js";

/** Trees are held in buffers outside of V8's heap; what their names and maps take inside stays far below. */
const resourceLimits = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 512 } as const;

/** A proof is short, and mostly one processor's work. */
const proofsAtOnce = 2;

/** Merges layers in a thread, so that reads are answered meanwhile: one image at a time, however many ask. */
export class MergeThreads {
  readonly #script: URL;
  readonly #queue = new PQueue({ concurrency: 1 });
  /** Of their own: pulls wait for them. */
  readonly #proofs = new PQueue({ concurrency: proofsAtOnce });

  /** @param script another one than the one beside this file, in tests */
  constructor(script: URL = new URL("./merge-worker.js", import.meta.url)) {
    this.#script = script;
  }

  /** @throws what merging throws, without its class | {Error} when the thread ends in the middle */
  async merge(layers: readonly KeptLayer[]): Promise<MergedMetadata> {
    return await this.#queue.add(() => this.#run<MergedMetadata>({ kind: "merge", layers }));
  }

  /** Resolves when it is certain that {@link merge} can merge each count of these layers. @throws as it does */
  async prove(layers: readonly KeptLayer[]): Promise<void> {
    await this.#proofs.add(() => this.#run<void>({ kind: "prove", layers }));
  }

  #run<R>(job: MergeJob): Promise<R> {
    const worker = new Worker(this.#script, {
      workerData: job,
      resourceLimits,
      execArgv: [], // flags of the process, such as --input-type, are not meant for this file
    });
    worker.unref();
    return new Promise((resolve, reject) => {
      worker.once("message", (made: R) => resolve(made));
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new Error(`the thread that merges layers ended with code ${code}`)));
    });
  }
}
