import { once } from "node:events";
import { parentPort } from "node:worker_threads";
import type { WorkerMessage, WorkerStart } from "./serve/messages.js";
import { FuseServer } from "./serve/serve.js";
import type { OpenChunkReader } from "./serve/store-reader.js";
import "./serve/store-reader.js"; // what most are started with: loaded before they are

// The entry of a worker thread: waits for its start, takes requests of one descriptor of /dev/fuse until the connection is over, then ends.

if (parentPort === null) throw new Error("worker.ts runs in a thread of its own");
const [start] = (await once(parentPort, "message")) as [WorkerStart]; // FuseWorker sends nothing else
const tell = (message: WorkerMessage): void => parentPort?.postMessage(message);
const { openChunkReader } = (await import(start.readerModule)) as { readonly openChunkReader: OpenChunkReader };
const reader = openChunkReader(start.readerShared, start.reader, {
  onMark: (slot) => tell({ kind: "mark", slot }),
});
const server = new FuseServer(start, reader, tell);
tell({ kind: "ready" });
server.run();
tell({ kind: "ended" });
