import { Worker } from "node:worker_threads";
import PQueue from "p-queue";
import type { KeptLayer, MergedMetadata } from "./merge-layers-job.js";

/** Trees are held in buffers outside of V8's heap; what their names and maps take inside stays far below. */
const resourceLimits = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 512 } as const;

/** Merges layers in a thread, so that reads are answered meanwhile: one image at a time, however many ask. */
export class MergeThreads {
  readonly #script: URL;
  readonly #queue = new PQueue({ concurrency: 1 });

  /** @param script another one than the one beside this file, in tests */
  constructor(script: URL = new URL("./merge-worker.js", import.meta.url)) {
    this.#script = script;
  }

  /** @throws what merging throws, without its class | {Error} when the thread ends in the middle */
  async merge(layers: readonly KeptLayer[]): Promise<MergedMetadata> {
    return await this.#queue.add(() => this.#run(layers));
  }

  #run(layers: readonly KeptLayer[]): Promise<MergedMetadata> {
    const worker = new Worker(this.#script, {
      workerData: layers,
      resourceLimits,
      execArgv: [], // flags of the process, such as --input-type, are not meant for this file
    });
    worker.unref();
    return new Promise((resolve, reject) => {
      worker.once("message", (merged: MergedMetadata) => resolve(merged));
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new Error(`the thread that merges layers ended with code ${code}`)));
    });
  }
}
