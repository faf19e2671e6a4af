// Reads files of a mount at random, checks every byte, and prints a JSON line for each read that fails or is wrong: `reading-process.mjs MOUNT FILES FILE_BYTES READERS SEED`.
// On SIGTERM it ends after the reads under way, with a line that says how much it read. A process of its own: a mount must not be read by whoever serves it.
import { open } from "node:fs/promises";
import { join } from "node:path";
import { blockBytes, fillBlock } from "./file-content.mjs";

const [mount, ...numbers] = process.argv.slice(2);
const [files, fileBytes, readers, seed] = numbers.map(Number);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const nowMs = () => performance.timeOrigin + performance.now();
let isOver = false;
let reads = 0;
let bytesRead = 0;
process.on("SIGTERM", () => {
  isOver = true;
});

function checker() {
  const words = new Uint32Array(blockBytes / 4);
  const expected = Buffer.from(words.buffer);
  return (file, offset, bytes) => {
    for (let at = 0; at < bytes.length; at += blockBytes) {
      fillBlock(words, file, (offset + at) / blockBytes);
      const length = Math.min(blockBytes, bytes.length - at);
      if (bytes.compare(expected, 0, length, at, at + length) !== 0) return offset + at;
    }
    return -1;
  };
}

async function openOrSay(file) {
  const startMs = nowMs();
  try {
    return await open(join(mount, `file-${file}`));
  } catch (error) {
    say({ kind: "error", code: error.code, file, startMs, endMs: nowMs() });
    return undefined;
  }
}

/** One read. @returns bytes read; 0 at the end of the file and after an error */
async function readOnce({ handle, into, check }, file, offset, length) {
  const startMs = nowMs();
  try {
    const { bytesRead: got } = await handle.read(into, 0, length, offset);
    reads++;
    bytesRead += got;
    const wrongAt = check(file, offset, into.subarray(0, got));
    if (wrongAt >= 0) say({ kind: "wrong", file, offset: wrongAt, startMs, endMs: nowMs() });
    return got;
  } catch (error) {
    say({ kind: "error", code: error.code, file, offset, startMs, endMs: nowMs() });
    return 0;
  }
}

async function reader(number) {
  let state = (seed * 1000 + number + 1) >>> 0;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const into = Buffer.alloc(256 * 1024);
  const check = checker();
  while (!isOver) {
    const file = Math.floor(random() * files);
    const handle = await openOrSay(file);
    if (handle === undefined) continue;
    const isSequential = random() < 0.3;
    for (let i = 0, next = 0, got = 1; i < 16 && got > 0 && !isOver; i++, next += got) {
      const anywhere = Math.floor((random() * fileBytes) / blockBytes) * blockBytes;
      const offset = isSequential ? next : anywhere;
      got = await readOnce(
        { handle, into, check },
        file,
        offset,
        isSequential ? into.length : Math.ceil(random() * 16) * blockBytes,
      );
    }
    await handle.close();
  }
}

await Promise.all(Array.from({ length: readers }, (_, number) => reader(number)));
say({ kind: "end", reads, bytesRead });
