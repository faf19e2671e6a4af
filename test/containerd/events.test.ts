import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { convertImage } from "@sluice/converter";
import { missingPrograms, toolsFolder } from "@sluice/oci/testing";
import { Registries } from "@sluice/snapshotter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeptNode } from "../support/kept-node.js";
import { RunningContainerd } from "../support/running-containerd.js";
import { eventually } from "../support/served-disk.js";
import { programEntries, pushSmallImage } from "../support/small-image.js";
import { pushUnmergeableArtifact } from "../support/unmergeable-artifact.js";

const missing = missingPrograms({ containerd: "containerd", runc: "runc" });
const wanted = ["/usr/bin/containerd", join(toolsFolder, "containerd2/bin/containerd")];
for (const program of wanted.filter((one) => !existsSync(one))) {
  it.skip(`${program}: not there; the CI script installs it, with Go for containerd 2`, () => undefined);
}
const waitMs = 30_000;

describe.skipIf(missing !== "").each(wanted.filter((program) => existsSync(program)))(
  `what %s is told of a pull ${missing}`,
  (program) => {
    let folder: string;
    let node: KeptNode;
    let containerd: RunningContainerd;
    let listener: ChildProcess;
    let heard = "";
    const reference = (name: string): string => `${node.registry.host}/${name}:1`;
    /** What follows the topic in the lines of `ctr events` of this image. */
    const told = (topic: string, name: string): unknown[] =>
      heard
        .split("\n")
        .filter((line) => line.includes(` k8s.io ${topic} `) && line.includes(reference(name)))
        .map((line) => JSON.parse(line.slice(line.indexOf("{"))));

    async function push(name: string): Promise<void> {
      const registries = new Registries();
      const repository = registries.open({ reference: reference(name) });
      const layers = [[{ name: `base-${name}`, content: "" }], await programEntries("/bin/cat")];
      await pushSmallImage(repository, "1", { layers: [...layers, [{ name: "top", content: name }]] });
      const target = { repository, target: "1", reference: reference(name) };
      if (name !== "plain") await convertImage(target, { root: join(node.folder, "c"), threads: 1 });
      if (name === "unmergeable") {
        const store = node.registry.store.repository(name);
        const made = [...store.manifests.values()].find(({ subject }) => subject !== undefined);
        if (made?.kind !== "image") throw new Error("the conversion made an artifact");
        await pushUnmergeableArtifact(repository, made);
        store.deleteManifest(made.digest);
      }
      await registries.close();
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "sluice-events-"));
      const [address, socket] = [join(folder, "s.sock"), join(folder, "c.sock")];
      node = await KeptNode.create({ SLUICE_SNAPSHOTTER_ADDRESS: address, SLUICE_CRI_CONTAINERD: socket });
      for (const name of ["streamed", "plain", "unmergeable"]) await push(name);
      await node.must("daemon", "start");
      containerd = await RunningContainerd.start(program, { address, dataRoot: node.root });
      await symlink(containerd.socket, socket); // where it will be is not known before
      listener = spawn(join(dirname(program), "ctr"), ["-a", containerd.socket, "events"]);
      listener.stdout?.on("data", (bytes: Buffer) => {
        heard += bytes;
      });
      await eventually(
        "it listens",
        async () => {
          await containerd.ctr("namespaces", "create", `n${Date.now()}`);
          return heard.includes("/namespaces/create");
        },
        waitMs,
      );
    });
    afterAll(async () => {
      listener?.kill();
      await containerd?.[Symbol.asyncDispose]();
      await node?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    it("is that the image is streamed", async () => {
      await containerd.pull(reference("streamed"));
      const event = () => told("/sluice/pulls/streamed", "streamed");
      await eventually("it was told", async () => event().length > 0, waitMs);
      expect(event()).toEqual([{ name: reference("streamed") }]);
    });

    it("is that the image is pulled as usual, why, and what to do about it", async () => {
      await containerd.pull(reference("plain"));
      const event = () => told("/sluice/pulls/fallback", "plain");
      await eventually("it was told", async () => event().length > 0, waitMs);
      const labels = { code: "NO_ARTIFACT", message: expect.any(String), cure: expect.stringContaining("convert") };
      expect(event()).toEqual([{ name: reference("plain"), labels }]);
    });

    it("of an artifact whose layers cannot be merged is the same: the pull is an ordinary one, recorded and counted", async () => {
      await containerd.pull(reference("unmergeable"));
      const event = () => told("/sluice/pulls/fallback", "unmergeable");
      await eventually("it was told", async () => event().length > 0, waitMs);
      const reason = {
        code: "ARTIFACT_INVALID",
        message: expect.stringMatching(/cannot be merged: layer 0: .*nothing/),
      };
      expect(event()).toMatchObject([{ labels: reason }]);
      expect(await containerd.run(reference("unmergeable"), "u", "/bin/cat", "/top")).toBe("unmergeable");
      const { pulled } = JSON.parse(await node.must("why", reference("unmergeable"), "-o", "json"));
      expect(pulled).toMatchObject({ streamed: false, reason });
      expect(await node.client.metrics()).toContain('sluice_pulls_total{outcome="ARTIFACT_INVALID"} 1');
    });
  },
);
