import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { sha256Of } from "@sluice/oci";
import { missingPrograms, TestRegistry, toolsFolder } from "@sluice/oci/testing";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withSnapshotter } from "../install/containerd-config.js";
import { CriClient } from "./cri-client.js";
import { serveImageProxy } from "./image-proxy.js";
import { PullCredentials } from "./pull-credentials.js";

const missing = missingPrograms({ containerd: "containerd" });
const why = process.getuid?.() === 0 ? missing : "needs root";
// Debian's, and a newer one where somebody has put it.
const wanted = ["/usr/bin/containerd", join(toolsFolder, "containerd2/bin/containerd")];
const programs = wanted.filter((program) => existsSync(program));
for (const program of wanted.filter((one) => !existsSync(one))) {
  it.skip(`${program}: not there; the CI script installs it, with Go for containerd 2`, () => undefined);
}

/** An image of one layer with nothing in it. */
function pushImage(registry: TestRegistry): void {
  const store = registry.store.repository("app");
  const tar = Buffer.alloc(1024);
  const layer = gzipSync(tar);
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: [sha256Of(tar)] },
    }),
  );
  const descriptor = (bytes: Uint8Array, type: string) => ({
    mediaType: `application/vnd.oci.image.${type}`,
    digest: store.putBlob(bytes),
    size: bytes.byteLength,
  });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const layers = [descriptor(layer, "layer.v1.tar+gzip")];
  const manifest = { schemaVersion: 2, mediaType, config: descriptor(config, "config.v1+json"), layers };
  store.putManifest(Buffer.from(JSON.stringify(manifest)), mediaType, "1");
}

describe.skipIf(why !== "")(`containerd itself${why === "" ? "" : ` (${why})`}`, () => {
  describe.each(programs)("%s", (program) => {
    let folder: string;
    let containerd: ChildProcess;
    let registry: TestRegistry;
    const at = (name: string): string => join(folder, name);

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "ctr-"));
      registry = await TestRegistry.start({ access: { kind: "basic", username: "ann", password: "p" } });
      pushImage(registry);
      const places = `root = "${at("root")}"\nstate = "${at("state")}"\n[grpc]\naddress = "${at("c.sock")}"\n`;
      await writeFile(at("config.toml"), `version = 2\n${places}`);
      containerd = spawn(program, ["-c", at("config.toml")], { stdio: "ignore" });
      using client = new CriClient(at("c.sock"));
      // CRI comes up after the socket.
      for (let tries = 0; ; tries++) {
        const answer = await client.image("absent").then(
          () => "there",
          (error: unknown) => error,
        );
        if (answer === "there") return;
        if (tries > 300) throw answer;
        await sleep(100);
      }
    });
    afterAll(async () => {
      const ended = new Promise((resolve) => containerd.once("exit", resolve));
      containerd.kill();
      await ended;
      await registry.close();
      await rm(folder, { recursive: true });
    });

    it("pulls through our image service, whose credentials the node has from then on", async () => {
      const credentials = new PullCredentials();
      const log = pino({ level: "silent" });
      const proxy = await serveImageProxy({
        socketPath: at("p.sock"),
        containerdSocket: at("c.sock"),
        credentials,
        log,
      });
      using client = new CriClient(at("p.sock"));
      const image = `${registry.host}/app:1`;
      await expect(client.pull(image, undefined)).rejects.toMatchObject({ code: "CRI" });
      const pulled = await client.pull(image, { kind: "password", username: "ann", password: "p" });
      expect((await client.image(pulled))?.sizeBytes).toBeGreaterThan(0);
      expect((await credentials.find(registry.host, "app")).credentials).toMatchObject({ username: "ann" });
      await proxy.close();
    });

    it("reads the configuration that install writes, as it is meant", async () => {
      // Without runtimes: containerd 2 would not take the snapshotter over.
      const text = withSnapshotter(
        'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n',
        { address: "/run/s.sock", dataRoot: "/d" },
        "it",
      );
      await writeFile(at("installed.toml"), text);
      const dump = execFileSync(program, ["-c", at("installed.toml"), "config", "dump"], { encoding: "utf8" });
      expect(dump).toMatch(/snapshotter = ["']sluice["']/);
      expect(dump).toMatch(/disable_snapshot_annotations = false/);
      expect(dump).not.toMatch(/disable_snapshot_annotations = true/);
      expect(dump).toMatch(/\[proxy_plugins\.["']?sluice["']?\]/);
    });
  });
});
