import { mkdtemp, rename, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { sha256Of } from "@sluice/oci";
import { FileSystemBlobStore } from "@sluice/store";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { errorAnswer } from "./http/error-answer.js";
import { RootInUseError } from "./open-stores.js";
import { createServer } from "./server.js";
import { startTestServer } from "./testing/test-server.js";

const log = pino({ level: "silent" });

describe("a registry", () => {
  it("keeps everything over a restart", async () => {
    await using registry = await startTestServer();
    const { digest } = await registry.pushImage("team/app", "1.0", "content");
    await registry.restart();
    const response = await registry.send("GET", "/v2/team/app/manifests/1.0");
    expect([response.status, response.headers.get("docker-content-digest")]).toEqual([200, digest]);
  });

  it("keeps at its start what nobody holds, for a day: the metadata may be older than the blobs", async () => {
    await using registry = await startTestServer();
    const store = await FileSystemBlobStore.open(join(registry.root, "registry/blobs"));
    const digest = sha256Of("stored, and the process ended before it was linked");
    await store.put({ digest }, Readable.from([Buffer.from("stored, and the process ended before it was linked")]));
    await registry.restart();
    expect(await store.has(digest)).toBe(true);
  });

  it("does not start on blobs whose metadata is gone, and names the cure", async () => {
    await using registry = await startTestServer();
    await registry.pushImage("team/app", "1.0", "content");
    const metadata = join(registry.root, "registry/metadata");
    await registry.server.close();
    await rename(metadata, `${metadata}.elsewhere`);
    await expect(registry.restart()).rejects.toMatchObject({
      code: "METADATA_LOST",
      message: expect.stringContaining("serve restore"),
    });
    await rename(`${metadata}.elsewhere`, metadata);
    await registry.restart();
    expect((await registry.send("GET", "/v2/team/app/manifests/1.0")).status).toBe(200);
  });

  it("is open to nobody behind an address that others reach", async () => {
    const root = await mkdtemp(join(tmpdir(), "sluice-server-"));
    const publicUrl = "https://registry.example.com";
    await expect(createServer({ root, listen: "127.0.0.1:0", log, publicUrl })).rejects.toMatchObject({
      code: "REGISTRY_OPEN",
      message: expect.stringContaining(publicUrl),
    });
    await rm(root, { recursive: true });
  });

  it("without accounts serves who calls it by a name of this machine, not a page of another site", async () => {
    await using registry = await startTestServer();
    const { port } = new URL(registry.server.url);
    const statusFor = (host: string): Promise<number | undefined> => registry.statusOf("/api/v1/accounts", { host });
    const names = ["localhost", `127.0.0.1:${port}`, `[::1]:${port}`, "evil.example", "127.evil.example"];
    expect(await Promise.all(names.map(statusFor))).toEqual([200, 200, 200, 403, 403]);
  });

  it("does not start beyond loopback while everybody could do everything, unless that is what is wanted", async () => {
    const root = await mkdtemp(join(tmpdir(), "sluice-server-"));
    const lines: string[] = [];
    const start = (options: { allowOpen?: boolean }) =>
      createServer({
        root,
        listen: "0.0.0.0:0",
        log: pino({ level: "warn" }, { write: (line) => lines.push(line) }),
        ...options,
      });
    await expect(start({})).rejects.toMatchObject({
      code: "REGISTRY_OPEN",
      message: expect.stringContaining("--allow-open"),
    });
    const server = await start({ allowOpen: true });
    await server.close();
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      expect.stringContaining("no accounts"),
      expect.stringContaining("no TLS"),
    ]);
    await rm(root, { recursive: true });
  });

  it("has its data root to itself", async () => {
    await using registry = await startTestServer();
    const second = createServer({ root: registry.root, listen: "127.0.0.1:0", log });
    await expect(second).rejects.toThrow(RootInUseError);
    await expect(second).rejects.toThrow(registry.root);
  });

  it("holds nothing when it could not begin to listen", async () => {
    await using registry = await startTestServer();
    const root = await mkdtemp(join(tmpdir(), "sluice-server-"));
    const taken = registry.server.url.replace("http://", "");
    await expect(createServer({ root, listen: taken, log })).rejects.toMatchObject({ code: "EADDRINUSE" });
    const server = await createServer({ root, listen: "127.0.0.1:0", log });
    await server.close();
    await server.close();
    await rm(root, { recursive: true });
  });

  it("ends the answer under way before it stops, and takes nothing new", async () => {
    await using registry = await startTestServer();
    const begun = await registry.send("POST", "/v2/a/blobs/uploads/");
    const slow = request(`${registry.server.url}${begun.headers.get("location")}`, {
      method: "PATCH",
      headers: { "content-length": 2 },
    });
    const status = new Promise<number | undefined>((resolve, reject) => {
      slow.on("response", (response) => resolve(response.resume().statusCode)).on("error", reject);
    });
    slow.write("a");
    await expect.poll(async () => (await registry.send("GET", begun.headers.get("location") ?? "")).status).toBe(204);
    const closed = registry.server.close();
    slow.end("b");
    expect(await status).toBe(202);
    await closed;
    await expect(registry.send("GET", "/v2/")).rejects.toThrow();
  });

  it("counts what it answers by kind of path, never by name", async () => {
    await using registry = await startTestServer();
    const digest = await registry.pushBlob("secret/name", "12345");
    await (await registry.send("GET", `/v2/secret/name/blobs/${digest}`)).text();
    await registry.send("GET", "/v2/secret/name/manifests/none");
    await expect
      .poll(async () => await (await registry.send("GET", "/metrics")).text())
      .toContain('sluice_http_requests_total{method="GET",route="manifest",status="404"} 1');
    const text = await (await registry.send("GET", "/metrics")).text();
    expect(text).toContain('sluice_http_body_bytes_total{direction="sent",route="blob"} 5');
    expect(text).toContain('sluice_http_body_bytes_total{direction="received",route="uploads"} 5');
    expect(text).toContain("sluice_uploads_open 0");
    expect(text).not.toContain("secret");
  });
});

describe("an error of ours", () => {
  it("is a 500 that keeps its words to the log", () => {
    const answer = errorAnswer(new Error("ENOENT /srv/private"));
    expect(answer.status).toBe(500);
    expect(String(answer.body)).not.toContain("private");
  });

  it("says so when the disk is full", () => {
    const full = Object.assign(new Error("no space"), { code: "NO_SPACE" });
    expect([errorAnswer(full).status, String(errorAnswer(full).body)]).toEqual([
      507,
      expect.stringContaining("disk is full"),
    ]);
  });
});
