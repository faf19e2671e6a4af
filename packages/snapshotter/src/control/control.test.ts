import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSilentLog } from "../observe/log.js";
import type { MountRequest, NodeService } from "./api.js";
import { DaemonClient, DaemonError, DaemonNotRunningError, DaemonVersionError } from "./client.js";
import { serveControl } from "./server.js";

const unused = (): never => {
  throw new Error("not part of this test");
};
const service = (some: Partial<NodeService>): NodeService => ({
  mount: unused,
  unmount: unused,
  mounts: async () => [],
  prepareContainer: unused,
  removeContainer: unused,
  recording: unused,
  why: unused,
  pulls: unused,
  layers: unused,
  status: unused,
  storeUse: unused,
  storeGc: unused,
  storeScrub: unused,
  stop: unused,
  metrics: async () => "sluice_mounts 1\n",
  ...some,
});
const mountRequest: MountRequest = {
  reference: "r.example/a:1",
  mountpoint: "/mnt/a",
  driver: "auto",
  writable: false,
};

class BusyError extends Error {
  readonly code = "MOUNT_BUSY";
  readonly holders = ["tail (12)"];
}

describe("the control API of the daemon", () => {
  let folder: string;
  let socket: string;
  let client: DaemonClient;
  let closes: (() => Promise<void>)[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "control-"));
    socket = join(folder, "daemon.sock");
    client = new DaemonClient(socket);
    closes = [];
  });
  afterEach(async () => {
    for (const close of closes) await close();
    await rm(folder, { recursive: true });
  });
  const serve = async (some: Partial<NodeService>): Promise<void> => {
    const server = await serveControl(socket, service(some), createSilentLog());
    closes.push(() => server.close());
  };

  it("carries requests to the service and answers back", async () => {
    let seen: MountRequest | undefined;
    await serve({
      mount: async (request) => {
        seen = request;
        return {
          ...request,
          id: "1",
          driver: "erofs",
          reason: "best",
          disk: { digest: "sha256:1", sizeBytes: 4096 },
          since: "2026-01-01T00:00:00Z",
        };
      },
    });
    const result = await client.mount({ ...mountRequest, writable: true });
    expect(seen).toEqual({ ...mountRequest, writable: true, id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(result).toMatchObject({ driver: "erofs", disk: { sizeBytes: 4096 } });
  });

  it("carries a recording as the bytes that it is", async () => {
    const id = "0dba3c4e-58b6-4d0b-9d4a-0cb8c2e1f6a1";
    await serve({ recording: async (asked) => Buffer.from(`{"of":"${asked}"}`) });
    expect(Buffer.from(await client.recording(id)).toString()).toBe(`{"of":"${id}"}`);
    await expect(client.recording("../status")).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });

  it("lies on a socket that only its owner may open, and takes it away when closed", async () => {
    await serve({});
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    await closes.pop()?.();
    expect(await readdir(folder)).toEqual([]);
  });

  it("replaces what a dead daemon left in the socket's place", async () => {
    await writeFile(socket, "");
    await serve({});
    expect(await client.mounts()).toEqual([]);
  });

  it("passes an error's code, message and facts on, and nothing of its stack", async () => {
    await serve({
      unmount: async () => {
        throw new BusyError("/mnt/a is busy");
      },
    });
    const error = await client.unmount({ mountpoint: "/mnt/a", detach: false }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DaemonError);
    expect(error).toMatchObject({
      code: "MOUNT_BUSY",
      message: "/mnt/a is busy",
      detail: { holders: ["tail (12)"] },
    });
  });

  it("calls a fault of the daemon INTERNAL", async () => {
    await serve({
      status: async () => {
        throw new TypeError("x is not a function");
      },
    });
    await expect(client.status()).rejects.toMatchObject({ code: "INTERNAL" });
  });

  it.each([
    [{ ...mountRequest, mountpoint: "relative" }, /mountpoint: expected an absolute path/],
    [{ ...mountRequest, driver: "ext4" }, /driver/],
    [{ ...mountRequest, suprise: 1 }, /suprise/],
    [{ ...mountRequest, reference: "x".repeat(5000) }, /reference/],
    [{ ...mountRequest, reference: "x".repeat(100_000) }, /too large/],
  ])("refuses a request that is not of the expected form (%#)", async (request, message) => {
    await serve({});
    await expect(client.mount(request as MountRequest)).rejects.toThrow(message);
  });

  it("ends the work when the caller gives up, with the caller's own reason", async () => {
    let ended: AbortSignal | undefined;
    await serve({
      mount: async (_request, signal) => {
        ended = signal;
        return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    const gone = new AbortController();
    const call = client.mount(mountRequest, { signal: gone.signal });
    while (!ended) await sleep(5);
    gone.abort(new Error("Ctrl-C"));
    await expect(call).rejects.toThrow("Ctrl-C");
    while (!ended.aborted) await sleep(5);
    expect(ended.aborted).toBe(true);
  });

  it("does not take an answered request for a caller who left", async () => {
    let signal: AbortSignal | undefined;
    await serve({
      storeGc: async (given) => {
        signal = given;
        return { freedBytes: 1, removedDisks: 0 };
      },
    });
    await client.storeGc();
    await sleep(20);
    expect(signal?.aborted).toBe(false);
  });

  it("says that no daemon runs when nobody listens", async () => {
    await expect(client.status()).rejects.toThrow(DaemonNotRunningError);
    await writeFile(socket, "");
    await expect(client.status()).rejects.toThrow(DaemonNotRunningError);
  });

  it("refuses a caller of another version, and lets Prometheus ask without any", async () => {
    await serve({});
    const answer = await new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      request({ socketPath: socket, path: "/v1/mounts", headers: { "sluice-api": "2" } }, async (response) => {
        let text = "";
        for await (const piece of response) text += piece;
        resolve({ status: response.statusCode, text });
      })
        .on("error", reject)
        .end();
    });
    expect(answer.status).toBe(422);
    expect(answer.text).toMatch(/API_VERSION.*speaks control API 1, the caller 2/);
    expect(await client.metrics()).toBe("sluice_mounts 1\n");
  });

  it("is refused by a client when the daemon is of another version", async () => {
    const other = createServer((_request, response) => response.setHeader("sluice-api", "9").end("{}"));
    await new Promise<void>((resolve) => other.listen(socket, resolve));
    closes.push(async () => {
      other.close();
    });
    await expect(client.status()).rejects.toThrow(DaemonVersionError);
    await expect(client.status()).rejects.toThrow(/API 9, this program 1/);
  });
});
