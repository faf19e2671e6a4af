import { closeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { cloneFuseDevice } from "./kernel/device.js";
import { takeOwnDescriptors } from "./kernel/own-descriptors.js";
import { availableShareNow } from "./push/available-memory.js";
import type { PushOrder, PushReport, PushStart } from "./push/messages.js";
import { PagePusher } from "./push/page-pusher.js";
import { ReadsInFlight } from "./push/reads-in-flight.js";
import type { OpenChunkReader } from "./serve/store-reader.js";

// The entry of the push thread: does what it is told, one order after the other, and answers no requests. Its descriptors are its own: all modules are loaded before.

const start = workerData as PushStart; // PushThread gives nothing else
const tell = (report: PushReport): void => parentPort?.postMessage(report);
const { openChunkReader } = (await import(start.readerModule)) as { readonly openChunkReader: OpenChunkReader };
// A store may wait for a page without end: see there.
takeOwnDescriptors(new Set([start.sessionFd]));
const fd = cloneFuseDevice(start.sessionFd);
closeSync(start.sessionFd);
const pusher = new PagePusher({
  fd,
  reader: openChunkReader(start.readerShared, start.reader, { ownDescriptors: true }),
  readsInFlight: new ReadsInFlight(start.readsInFlight),
  isMemoryShort: () => availableShareNow() < start.minAvailableShare,
  onFailure: (error) => tell({ kind: "failure", error }),
});
parentPort?.on("message", (order: PushOrder) => {
  if (order.kind === "push") tell({ kind: "done", counts: pusher.push(order.inode, order.runs) });
  else pusher.apply(order);
});
