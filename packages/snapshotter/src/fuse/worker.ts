import { parentPort, workerData } from "node:worker_threads";
import type { WorkerMessage, WorkerStart } from "./serve/messages.js";
import { FuseServer } from "./serve/serve.js";
import type { OpenChunkReader } from "./serve/store-reader.js";

// The entry of a worker thread: takes requests of one descriptor of /dev/fuse until the connection is over, then ends.

const start = workerData as WorkerStart; // FuseWorker gives nothing else
const tell = (message: WorkerMessage): void => parentPort?.postMessage(message);
const { openChunkReader } = (await import(start.readerModule)) as { readonly openChunkReader: OpenChunkReader };
const reader = openChunkReader(start.readerShared, start.reader, {
  onMark: (slot) => tell({ kind: "mark", slot }),
});
const server = new FuseServer(start, reader, tell);
tell({ kind: "ready" });
server.run();
tell({ kind: "ended" });
