import { parentPort, workerData } from "node:worker_threads";
import { type MergeJob, mergeKeptLayers, proveKeptLayers } from "./merge-layers-job.js";

// The entry of a thread that merges the layers of one image, or proves that they can be merged, and ends.

const { kind, layers } = workerData as MergeJob; // MergeThreads gives nothing else
if (kind === "prove") {
  await proveKeptLayers(layers);
  parentPort?.postMessage(undefined);
} else {
  const merged = await mergeKeptLayers(layers);
  parentPort?.postMessage(merged, [merged.bytes.buffer as ArrayBuffer]);
}
