import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { openSync } from "node:fs";
import { mkdtemp, open, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { Agent, createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileSender } from "../kernel/file-sender.js";
import { sendFile } from "./send-file.js";

/** More than a connection of loopback holds. */
const content = randomBytes(24 * 1024 * 1024);
const kernel = await FileSender.load();
const EINVAL = 22;

/** As on a file system that has no sendfile(2). */
const unable = new FileSender({
  sendFile: async () => ({ result: -1, errno: EINVAL }),
  duplicate: () => openSync("/dev/null", "r"),
});

it("has the kernel's functions here", () => expect(kernel).toBeInstanceOf(FileSender));

describe.each([
  ["by the kernel", kernel ?? unable],
  ["where the kernel cannot", unable],
])("sending a file %s", (_, sender) => {
  let folder: string;
  let path: string;
  let server: Server;
  let port: number;
  let cuts: unknown[];
  /** Answers that have ended, however. */
  let ended: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-send-file-"));
    path = join(folder, "file");
    await writeFile(path, content);
    [cuts, ended] = [[], 0];
    server = createServer(async ({ url = "" }, response) => {
      const [start = 0, end = content.length] = url.slice(1).split("-").filter(Boolean).map(Number);
      const head = { status: 200, headers: { "content-length": end - start }, begin: () => undefined };
      const body = { open: () => open(path), range: { start, end } };
      await sendFile(response, head, body, sender, (error) => cuts.push(error));
      ended++;
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port; // of TCP
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  async function get(path: string, agent?: Agent): Promise<Buffer> {
    const asked = request({ port, path, ...(agent && { agent }) }).end();
    const [response] = (await once(asked, "response")) as [IncomingMessage]; // the event's argument
    const parts: Buffer[] = [];
    for await (const bytes of response as AsyncIterable<Buffer>) parts.push(bytes);
    return Buffer.concat(parts);
  }
  /** Asks, and takes nothing beyond what Node reads ahead. */
  async function stalled(requests: string): Promise<Socket> {
    const socket = connect(port, "127.0.0.1");
    socket.write(requests);
    await once(socket, "readable");
    return socket;
  }
  const oneRequest = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
  const until = async (isTrue: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const openFiles = async (): Promise<number> => (await readdir("/proc/self/fd")).length;

  it("gives the whole of it and any part, one after the other on one connection", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (const [start, end] of [
        [0, content.length],
        [1, 5_000_001],
        [7_000_000, 7_000_001],
        [0, content.length],
      ] as const)
        expect((await get(`/${start}-${end}`, agent)).equals(content.subarray(start, end))).toBe(true);
    } finally {
      agent.destroy();
    }
  });

  it("gives requests that are sent together their answers in turn", async () => {
    const ranges = [
      [0, 9_000_000],
      [5, 8_000_005],
      [3, 2_000_000],
    ] as const;
    const socket = await stalled(
      ranges.map(([start, end]) => `GET /${start}-${end} HTTP/1.1\r\nhost: x\r\n\r\n`).join(""),
    );
    const wanted = ranges.map(([start, end]) => content.subarray(start, end));
    const parts: Buffer[] = [];
    let bytes = 0;
    socket.on("data", (part: Buffer) => {
      parts.push(part);
      bytes += part.length;
    });
    await until(() => bytes >= wanted.reduce((sum, { length }) => sum + length, 0) + 3 * 50);
    socket.destroy();
    let came = Buffer.concat(parts);
    for (const body of wanted) {
      came = came.subarray(came.indexOf("\r\n\r\n") + 4);
      expect(came.subarray(0, body.length).equals(body)).toBe(true);
      came = came.subarray(body.length);
    }
  });

  it("answers others while many clients stand still", async () => {
    const still = await Promise.all(Array.from({ length: 40 }, () => stalled(oneRequest)));
    expect((await get("/")).equals(content)).toBe(true);
    for (const socket of still) socket.destroy();
    await until(() => ended === 41);
    expect(cuts).toEqual([]);
  });

  it("closes what it opened when clients leave in the middle, and takes it for no fault", async () => {
    const before = await openFiles();
    for (let round = 0; round < 3; round++) {
      const sockets = await Promise.all(Array.from({ length: 8 }, () => stalled(oneRequest)));
      for (const [at, socket] of sockets.entries()) at % 2 === 0 ? socket.destroy() : socket.resetAndDestroy();
    }
    await until(() => ended === 24);
    await until(async () => (await openFiles()) <= before);
    expect(cuts).toEqual([]);
    expect((await get("/")).equals(content)).toBe(true);
  });

  it("cuts the connection when the file is shortened meanwhile: the answer is never short and complete", async () => {
    const socket = await stalled(oneRequest);
    await truncate(path, 1000);
    let bytes = 0;
    socket.on("data", ({ length }: Buffer) => {
      bytes += length;
    });
    await once(socket, "close");
    expect(bytes).toBeLessThan(content.length);
    expect(cuts).toEqual([expect.any(RangeError)]);
  });
});
