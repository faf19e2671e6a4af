// The yardstick of fuse-read.ts: the least a Node process can do to serve one file through /dev/fuse. No store, no misses, no tables.
//
//     node test/bench/raw-fuse-server.js FILE DIRECTORY WORKERS
import { spawnSync } from "node:child_process";
import { fstatSync, openSync, readSync, writevSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";

const op = { lookup: 1, forget: 2, getattr: 3, open: 14, read: 15, init: 26, batchForget: 42 };
const enosys = -38;
const mebi = 1 << 20;

function attributes(sizeBytes, inode) {
  const bytes = Buffer.alloc(88);
  bytes.writeUInt32LE(inode, 0);
  bytes.writeBigUInt64LE(BigInt(inode === 1 ? 4096 : sizeBytes), 8);
  bytes.writeUInt32LE(inode === 1 ? 0o40755 : 0o100444, 60);
  bytes.writeUInt32LE(1, 64);
  bytes.writeUInt32LE(4096, 80);
  return bytes;
}

function initReply(request) {
  const reply = Buffer.alloc(64);
  reply.writeUInt32LE(7, 0);
  reply.writeUInt32LE(request.readUInt32LE(44), 4);
  reply.writeUInt32LE(mebi, 8);
  reply.writeUInt32LE(request.readUInt32LE(52) & (1 | (1 << 18) | (1 << 22)), 12);
  reply.writeUInt16LE(64, 16);
  reply.writeUInt16LE(48, 18);
  reply.writeUInt32LE(mebi, 20);
  reply.writeUInt32LE(1, 24);
  reply.writeUInt16LE(256, 28);
  return reply;
}

function serve({ fuse, path }) {
  const file = openSync(path, "r");
  const { size } = fstatSync(file);
  const request = Buffer.alloc(mebi + 4096);
  const header = Buffer.alloc(16);
  const body = Buffer.alloc(mebi);
  const valid = Buffer.alloc(16);
  valid.writeUInt32LE(36_000, 0);
  const entryHead = Buffer.alloc(40);
  entryHead.writeUInt32LE(2, 0);
  entryHead.writeUInt32LE(36_000, 16);
  entryHead.writeUInt32LE(36_000, 24);
  const answer = (error, ...parts) => {
    header.writeUInt32LE(
      parts.reduce((sum, part) => sum + part.length, 16),
      0,
    );
    header.writeInt32LE(error, 4);
    request.copy(header, 8, 8, 16);
    writevSync(fuse, [header, ...parts]);
  };
  const read = () => {
    const offset = Number(request.readBigUInt64LE(48));
    answer(0, body.subarray(0, readSync(file, body, 0, request.readUInt32LE(56), offset)));
  };
  const handlers = {
    [op.init]: () => answer(0, initReply(request)),
    [op.lookup]: () => answer(0, entryHead, attributes(size, 2)),
    [op.getattr]: () => answer(0, valid, attributes(size, request.readUInt32LE(16))),
    [op.open]: () => answer(0, Buffer.alloc(16)),
    [op.read]: read,
    [op.forget]: () => undefined,
    [op.batchForget]: () => undefined,
  };
  for (;;) {
    try {
      readSync(fuse, request, 0, request.length);
    } catch (error) {
      if (error.code === "ENODEV") return;
      continue;
    }
    (handlers[request.readUInt32LE(4)] ?? (() => answer(enosys)))();
  }
}

if (isMainThread) {
  const [path, directory, workers] = process.argv.slice(2);
  const fuse = openSync("/dev/fuse", "r+");
  const options = "fd=3,rootmode=40000,user_id=0,group_id=0,ro";
  const mounted = spawnSync("mount", ["-i", "-t", "fuse", "-o", options, "raw", directory], {
    stdio: ["ignore", "inherit", "inherit", fuse],
  });
  if (mounted.status !== 0) throw new Error(`mount exited ${mounted.status}`);
  for (let i = 0; i < Number(workers); i++) new Worker(fileURLToPath(import.meta.url), { workerData: { fuse, path } });
  process.stdout.write("ready\n");
} else {
  serve(workerData);
}
