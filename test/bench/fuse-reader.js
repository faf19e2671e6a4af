// Reads one file in another process than the one that serves it, and prints how long that took.
//
//     node test/bench/fuse-reader.js FILE random|sequential READER READERS
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const [path, mode, reader, readers] = process.argv.slice(2);
const file = openSync(path, "r");
const { size } = fstatSync(file);
const randomReads = 8000;

/** Different blocks in no order, the same in every run. */
function randomOffsets() {
  const blocks = Math.floor(size / 4096);
  let state = 12_345;
  return Array.from({ length: randomReads }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state % blocks) * 4096;
  });
}

let bytes = 0;
const buffer = Buffer.alloc(mode === "random" ? 4096 : 1 << 20);
const offsets = mode === "random" ? randomOffsets() : [];
const started = process.hrtime.bigint();
if (mode === "random") {
  for (const offset of offsets) bytes += readSync(file, buffer, 0, 4096, offset);
} else {
  const share = Math.floor(size / Number(readers));
  const start = Number(reader) * share;
  for (let at = start; at < start + share; at += buffer.length) bytes += readSync(file, buffer, 0, buffer.length, at);
}
const seconds = Number(process.hrtime.bigint() - started) / 1e9;
closeSync(file);
process.stdout.write(JSON.stringify({ seconds, bytes, reads: offsets.length }));
