import { parentPort, workerData } from "node:worker_threads";
import { type KeptLayer, mergeKeptLayers } from "./merge-layers-job.js";

// The entry of a thread that merges the layers of one image, and ends.

const merged = await mergeKeptLayers(workerData as readonly KeptLayer[]); // MergeThreads gives nothing else
parentPort?.postMessage(merged, [merged.bytes.buffer as ArrayBuffer]);
