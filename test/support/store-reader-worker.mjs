// A reader thread: reads random pieces of random slots until it is told to stop, and compares every byte. Plain JavaScript, so that a Worker can run it.
import { parentPort, workerData } from "node:worker_threads";
import { MISS, SharedChunkReader } from "@sluice/store";

const { shared, reader: number, slots, chunks, stop } = workerData;
const never = new Int32Array(new SharedArrayBuffer(4));
// A marked chunk finds the reader asleep between the look at its slot and the read of its file: the moment an eviction must wait for.
const reader = new SharedChunkReader(shared, number, { onMark: () => Atomics.wait(never, 0, 0, 10) });
const into = new Uint8Array(256 * 1024);
let hits = 0;
let misses = 0;
let wrong = 0;
let random = (number + 1) * 7919;
while (Atomics.load(stop, 0) === 0) {
  random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
  const i = random % slots.length;
  const chunk = chunks[i];
  const offset = (random >>> 8) % chunk.length;
  const length = Math.min(chunk.length - offset, 1 + ((random >>> 3) % 65_536));
  const got = reader.read(slots[i], offset, length, into, 16);
  if (got === MISS) {
    misses++;
  } else {
    hits++;
    const isRight =
      got === length && Buffer.compare(into.subarray(16, 16 + got), chunk.subarray(offset, offset + got)) === 0;
    if (!isRight) wrong++;
  }
}
parentPort.postMessage({ hits, misses, wrong });
