import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { anonymous, RegistryClient } from "@sluice/oci";
import { missingPrograms } from "@sluice/oci/testing";
import { describe, expect, it } from "vitest";
import { startOtherRegistry } from "../support/other-registry.js";
import { startRegistry } from "../support/running-registry.js";
import { sluice, sluiceJson } from "../support/sluice.js";
import { pushSmallImage } from "../support/small-image.js";

const execute = promisify(execFile);
const sumOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("an image in another registry, converted there by ours", () => {
  const program = "registry";
  const missing = missingPrograms({
    [program]: "go install github.com/distribution/distribution/v3/cmd/registry@v3.1.2",
  });
  it.skipIf(missing !== "")(`is mounted from there and streamed, with ours gone ${missing}`, async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "sluice-front-")));
    const [root, tree] = [join(folder, "root"), join(folder, "tree")];
    await mkdir(tree);
    await using there = await startOtherRegistry(program);
    const { host } = new URL(there.url);
    const content = randomBytes(8_000_000);
    await using client = new RegistryClient({ credentials: anonymous });
    await pushSmallImage(client.repository(host, "team/app"), "1", { layers: [[{ name: "data", content }]] });
    {
      await using registry = await startRegistry({ upstreams: [`hub=${host}`] });
      await sluiceJson(["convert", "hub/team/app:1", "--on-server", "--registry", registry.host]);
    }
    try {
      await sluiceJson(["mount", `${host}/team/app:1`, tree, "--root", root]);
      const head = await execute("head", ["-c", "4096", join(tree, "data")], { encoding: "buffer" });
      expect(sumOf(head.stdout)).toBe(sumOf(content.subarray(0, 4096)));
      const { fetch } = (await sluiceJson(["daemon", "status", "--root", root])) as { fetch: { bytes: number } };
      expect(fetch.bytes).toBeLessThan(content.length);
      const { stdout } = await execute("sha256sum", [join(tree, "data")]);
      expect(stdout.split(" ")[0]).toBe(sumOf(content));
    } finally {
      await sluice(["umount", tree, "--root", root]);
      await sluice(["daemon", "stop", "--root", root]);
      await rm(folder, { recursive: true, force: true });
    }
  });
});
