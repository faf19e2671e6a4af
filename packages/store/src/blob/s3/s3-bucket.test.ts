import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { S3Bucket } from "./s3-bucket.js";

describe("a bucket of a store that takes connections and says nothing", () => {
  let silent: Server;
  let sockets: Socket[];
  let endpoint: string;
  beforeEach(async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "id");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
    sockets = [];
    silent = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await once(silent, "listening");
    endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`; // of a port, so no path
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it("gives up when the time is over", async () => {
    const bucket = new S3Bucket({ bucket: "b", endpoint, idleMs: 50 });
    await expect(bucket.sizeOf("key")).rejects.toMatchObject({ name: "TimeoutError" });
    await expect(bucket.put("key", new Uint8Array(10))).rejects.toMatchObject({ name: "TimeoutError" });
    bucket.close();
  });

  it("gives up deleting when its caller does", async () => {
    const bucket = new S3Bucket({ bucket: "b", endpoint });
    const caller = new AbortController();
    const deleting = bucket.delete("key", { signal: caller.signal });
    silent.once("connection", () => caller.abort());
    await expect(deleting).rejects.toMatchObject({ name: "AbortError" });
    bucket.close();
  });
});
