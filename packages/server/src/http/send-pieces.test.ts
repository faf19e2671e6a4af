import { once } from "node:events";
import { rm } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { sha256Of } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../testing/test-server.js";

describe("sending blobs out of memory that is used again", () => {
  let registry: TestServer;
  /** Of sizes around those of the pieces, and around those that the kernel sends. */
  const sizes = [0, 1, 65_535, 65_536, 65_537, 500_000, 600_000, 3_000_000];
  const blobs = sizes.map((size, at) => Buffer.alloc(size, `blob ${at} `));
  beforeAll(async () => {
    registry = await startTestServer();
    for (const blob of blobs) await registry.pushBlob("app", blob);
  });
  afterAll(() => registry[Symbol.asyncDispose]());
  const pathOf = (blob: Buffer): string => `/v2/app/blobs/${sha256Of(blob)}`;

  /** Takes a little, waits, and takes the rest, or leaves. */
  async function readSlowly(blob: Buffer, leaves: boolean): Promise<string> {
    const request = get(`${registry.server.url}${pathOf(blob)}`, { agent: false });
    const [response] = (await once(request, "response")) as [IncomingMessage]; // the event's only argument
    const parts: Buffer[] = [];
    for await (const bytes of response as AsyncIterable<Buffer>) {
      if (parts.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
      parts.push(bytes);
      if (leaves) break;
    }
    return sha256Of(Buffer.concat(parts));
  }

  it("gives each of many clients its own bytes, while others are slow or leave", async () => {
    const reads = Array.from({ length: 12 }, () => blobs).flat();
    const results = await Promise.all(
      reads.map(async (blob, at) => {
        if (at % 5 === 0) await readSlowly(blob, true);
        else if (at % 5 === 1) return (await readSlowly(blob, false)) === sha256Of(blob);
        else
          return (
            sha256Of(Buffer.from(await (await registry.send("GET", pathOf(blob))).arrayBuffer())) === sha256Of(blob)
          );
        return true;
      }),
    );
    expect(results).not.toContain(false);
  });

  it("ends with a client that takes nothing and leaves, and answers the next one", async () => {
    const [large = Buffer.alloc(0)] = blobs.slice(-1);
    const { hostname, port } = new URL(registry.server.url);
    const socket = connect(Number(port), hostname);
    socket.write(`GET ${pathOf(large)} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
    await once(socket, "readable");
    socket.destroy();
    const next = await registry.send("GET", pathOf(large));
    expect((await next.arrayBuffer()).byteLength).toBe(large.length);
  });

  it.each([
    ["small", 10],
    ["large", 2_000_000],
  ])("says that a %s blob is not there when its file has gone", async (_, size) => {
    const digest = await registry.pushBlob("app", Buffer.alloc(size, "lost"));
    const hex = digest.slice("sha256:".length);
    await rm(join(registry.root, "registry/blobs/sha256", hex.slice(0, 2), hex));
    expect((await registry.send("GET", `/v2/app/blobs/${digest}`)).status).toBe(404);
  });

  it("writes nothing into an answer when what comes behind its request is none", async () => {
    const digest = await registry.pushBlob("app", Buffer.alloc(24_000_000, "x"));
    const { hostname, port } = new URL(registry.server.url);
    const socket = connect(Number(port), hostname);
    socket.write(`GET /v2/app/blobs/${digest} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
    await once(socket, "readable");
    socket.write("no request\r\n\r\n");
    await new Promise((resolve) => setTimeout(resolve, 50));
    let came = "";
    socket.on("data", (bytes: Buffer) => {
      came += bytes.toString("latin1");
    });
    socket.on("error", () => undefined); // a reset, as it has not been read to its end
    await new Promise((resolve) => socket.once("close", resolve));
    expect(came.slice(came.indexOf("\r\n\r\n") + 4)).toMatch(/^x*$/);
  });

  it("counts what the kernel has sent", async () => {
    const sent = async (): Promise<number> => {
      const text = await (await registry.send("GET", "/metrics")).text();
      return Number(/^sluice_http_body_bytes_total\{direction="sent",route="blob"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    const [large = Buffer.alloc(0)] = blobs.slice(-1);
    const before = await sent();
    await (await registry.send("GET", pathOf(large))).arrayBuffer();
    await expect.poll(sent).toBe(before + large.length);
  });
});
