import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { KeepAliveClient } from "../support/keep-alive-client.js";
import { startRegistry } from "../support/running-registry.js";
import { rounded, thisMachine } from "./figures.js";

/** Repeated, so that making the bytes costs nothing beside taking them. */
const piece = randomBytes(4 * 1024 * 1024);
/** As clients cut them. */
const chunkBytes = 64 * 1024 * 1024;
const sampleMs = 100;

/**
 * The most memory that `sluice serve` takes, each time in a process of its own: while it is idle, while so many clients that read nothing pull a large
 * blob, and while a layer is pushed, in one request and in chunks. Prints JSON; memory in MB.
 *
 *     node test/bench/run.js registry-memory [--clients 500] [--layer-megabytes 5000]
 */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      clients: { type: "string", default: "500" },
      "layer-megabytes": { type: "string", default: "5000" },
    },
  });
  const clients = Number(values.clients);
  const layerBytes = Number(values["layer-megabytes"]) * 1e6;
  const idle = await peakOf(async () => undefined);
  const slow = await peakOf((url) => pullSlowly(url, clients));
  const digest = await digestOf(layerBytes);
  const monolithic = await peakOf((url) => push(url, digest, [layerBytes]));
  const cuts = Array.from({ length: Math.ceil(layerBytes / chunkBytes) }, (_, at) =>
    Math.min(chunkBytes, layerBytes - at * chunkBytes),
  );
  const chunked = await peakOf((url) => push(url, digest, cuts));
  const figures = {
    clients,
    layerMegabytes: layerBytes / 1e6,
    idle,
    slow,
    slowToIdle: rounded(slow / idle),
    monolithic,
    chunked,
  };
  process.stdout.write(`${JSON.stringify({ ...(await thisMachine()), ...figures }, undefined, 2)}\n`);
}

/** @returns the highest resident memory of a registry meanwhile */
async function peakOf(work: (url: string) => Promise<void>): Promise<number> {
  await using registry = await startRegistry({ conversions: 0 });
  await (await fetch(`http://${registry.host}/v2/`)).arrayBuffer();
  await sleep(sampleMs);
  await work(`http://${registry.host}`);
  const status = await readFile(`/proc/${registry.pid}/status`, "utf8");
  return Math.round(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1000);
}

async function pullSlowly(url: string, clients: number): Promise<void> {
  const sizeBytes = 4 * chunkBytes;
  const digest = await digestOf(sizeBytes);
  await push(url, digest, [sizeBytes]);
  const open = Array.from({ length: clients }, () => new KeepAliveClient(url));
  for (const client of open) {
    client.get(`/v2/bench/blobs/${digest}`).catch(() => undefined);
    client.pause();
  }
  await sleep(2000);
  // Each takes a little and waits again: what the registry holds for it is not only what fits into sockets.
  for (let turn = 0; turn < 5; turn++) {
    for (const client of open) client.resume();
    await sleep(sampleMs);
    for (const client of open) client.pause();
    await sleep(sampleMs * 5);
  }
  for (const client of open) client.close();
}

function* bytesOf(sizeBytes: number): Generator<Buffer> {
  for (let left = sizeBytes; left > 0; left -= piece.length)
    yield left < piece.length ? piece.subarray(0, left) : piece;
}

async function digestOf(sizeBytes: number): Promise<string> {
  const hash = createHash("sha256");
  for (const bytes of bytesOf(sizeBytes)) hash.update(bytes);
  return `sha256:${hash.digest("hex")}`;
}

/** One size is a PUT of all, several are PATCHes. */
async function push(url: string, digest: string, sizes: readonly number[]): Promise<void> {
  let place = await send("POST", new URL(`${url}/v2/bench/blobs/uploads/`), 0);
  if (sizes.length > 1) for (const sizeBytes of sizes) place = await send("PATCH", place, sizeBytes);
  place.searchParams.set("digest", digest);
  await send("PUT", place, sizes.length > 1 ? 0 : (sizes[0] ?? 0));
}

/** @returns where it goes on */
async function send(method: string, place: URL, sizeBytes: number): Promise<URL> {
  const headers = { "content-type": "application/octet-stream", "content-length": sizeBytes };
  const sending = request(place, { method, headers });
  const answered = new Promise<URL>((resolve, reject) => {
    sending.on("error", reject);
    sending.on("response", (response) => {
      response.resume();
      const { statusCode = 0, headers } = response;
      if (statusCode >= 300) reject(new Error(`${method} ${place.href}: ${statusCode}`));
      else resolve(new URL(headers.location ?? "", place));
    });
  });
  await Promise.all([answered, pipeline(Readable.from(bytesOf(sizeBytes)), sending)]);
  return await answered;
}
