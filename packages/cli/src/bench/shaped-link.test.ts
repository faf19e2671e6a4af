import { once } from "node:events";
import http from "node:http";
import { afterEach, expect, it } from "vitest";
import { shapeLink } from "./shaped-link.js";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(body: Buffer): Promise<number> {
  const server = http.createServer((_request, response) => response.end(body));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as { port: number }).port; // listening on TCP, so it has a port
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const start = performance.now();
  const value = await work();
  return { seconds: (performance.now() - start) / 1000, value };
}

const get = async (port: number): Promise<Buffer> =>
  Buffer.from(await (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer());

it("delivers every byte, no faster than its rate", async () => {
  const body = Buffer.alloc(2_000_000, "sluice");
  const link = await shapeLink(
    { host: "127.0.0.1", port: await serve(body) },
    { bytesPerSecond: 10_000_000, roundTripMs: 0 },
  );
  closers.push(link.close);
  const { seconds, value } = await timed(() => get(link.port));
  expect(value.equals(body)).toBe(true);
  expect(seconds).toBeGreaterThan(0.19);
  expect(link.bytesToNode()).toBeGreaterThanOrEqual(body.length);
});

it("two connections share one link", async () => {
  const body = Buffer.alloc(1_000_000, 1);
  const link = await shapeLink(
    { host: "127.0.0.1", port: await serve(body) },
    { bytesPerSecond: 10_000_000, roundTripMs: 0 },
  );
  closers.push(link.close);
  const { seconds } = await timed(() => Promise.all([get(link.port), get(link.port)]));
  expect(seconds).toBeGreaterThan(0.19);
});

it("charges one round trip to connect and one to ask", async () => {
  const link = await shapeLink(
    { host: "127.0.0.1", port: await serve(Buffer.from("small")) },
    { bytesPerSecond: 1e9, roundTripMs: 100 },
  );
  closers.push(link.close);
  const { seconds } = await timed(() => get(link.port));
  expect(seconds).toBeGreaterThanOrEqual(0.199);
});

it("passes a closed connection on", async () => {
  const server = http.createServer((request) => request.socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(async () => server.close());
  const link = await shapeLink(
    { host: "127.0.0.1", port: (server.address() as { port: number }).port }, // listening on TCP
    { bytesPerSecond: 1e9, roundTripMs: 0 },
  );
  closers.push(link.close);
  await expect(get(link.port)).rejects.toThrow();
});
