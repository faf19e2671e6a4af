import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { sha256Of } from "@sluice/oci";
import { afterEach, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../testing/test-server.js";
import { connectionLimits, watchBody } from "./connections.js";

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

const connected = async (url: string): Promise<Socket> => {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => undefined);
  socket.resume();
  await once(socket, "connect");
  return socket;
};

/** Writes piece after piece until the other side has closed, or there is none left. @returns whether all were written */
const trickle = async (socket: Socket, pieces: Iterable<string | Buffer>, everyMs: number): Promise<boolean> => {
  for (const piece of pieces) {
    if (socket.destroyed || socket.readableEnded) return false;
    socket.write(piece);
    await pause(everyMs);
  }
  return true;
};
const forever = function* (piece: string): Generator<string> {
  for (;;) yield piece;
};

const pushHead = (digest: string, sizeBytes: number): string =>
  `POST /v2/app/blobs/uploads/?digest=${digest} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${sizeBytes}\r\n\r\n`;
const isHeld = async (registry: TestServer, digest: string): Promise<boolean> =>
  (await registry.send("HEAD", `/v2/app/blobs/${digest}`)).status === 200;

it("a registry takes so many connections, closes those beyond, and takes new ones when old ones end", async () => {
  await using registry = await startTestServer({ connections: { maxConnections: 2 } });
  const [first, second] = [await connected(registry.server.url), await connected(registry.server.url)];
  const third = await connected(registry.server.url);
  await expect.poll(() => third.closed).toBe(true);
  first.destroy();
  const isAnswered = async (): Promise<boolean> => {
    const socket = await connected(registry.server.url);
    socket.write("GET /v2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    await expect.poll(() => socket.closed).toBe(true);
    return socket.bytesRead > 0;
  };
  await expect.poll(isAnswered).toBe(true);
  second.destroy();
});

it("a registry takes no more connections than half of what it may open", async () => {
  expect((await connectionLimits()).maxConnections).toBeLessThanOrEqual(10_000);
  expect((await connectionLimits({ maxConnections: 7 })).maxConnections).toBe(7);
});

it.each([
  ["of which nothing comes", ""],
  ["that trickles in", "x"],
])("a head %s ends its connection", async (_how, piece) => {
  await using registry = await startTestServer({ connections: { headMs: 200 } });
  const socket = await connected(registry.server.url);
  if (piece !== "") socket.write("GET /v2/ HTTP/1.1\r\nx: ");
  expect(await trickle(socket, forever(piece), 20)).toBe(false);
});

it("a body that trickles in ends its connection, one that is slow and comes goes on to its end", async () => {
  await using registry = await startTestServer({ connections: { bodySpanMs: 1_000, minBodyBytes: 10_000 } });
  const slow = Buffer.alloc(100_000, "slow");
  const [trickling, living] = [await connected(registry.server.url), await connected(registry.server.url)];
  trickling.write(pushHead(sha256Of("never"), 1_000_000));
  living.write(pushHead(sha256Of(slow), slow.byteLength));
  const pieces = Array.from({ length: 25 }, (_, at) => slow.subarray(at * 4_000, (at + 1) * 4_000));
  const outcomes = await Promise.all([trickle(trickling, forever("x"), 100), trickle(living, pieces, 100)]);
  expect(outcomes).toEqual([false, true]);
  await expect.poll(() => isHeld(registry, sha256Of(slow))).toBe(true);
});

it("a body that waits to be read here is not cut", async () => {
  const limits = await connectionLimits({ bodySpanMs: 50, minBodyBytes: 10_000 });
  const server = createServer(async (request, response) => {
    watchBody(request, limits);
    await pause(500);
    let sizeBytes = 0;
    for await (const piece of request) sizeBytes += (piece as Buffer).byteLength;
    response.end(String(sizeBytes));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const body = Buffer.alloc(5_000_000);
  expect(await (await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body })).text()).toBe("5000000");
  server.close();
});
