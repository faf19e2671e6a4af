import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { missingPrograms } from "@sluice/oci/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";

const run = promisify(execFile);

const missing = missingPrograms({ skopeo: "skopeo", umoci: "umoci" });

describe.skipIf(missing !== "")(`real clients against the registry ${missing}`, () => {
  let registry: RunningRegistry;
  let folder: string;
  beforeAll(async () => {
    registry = await startRegistry();
    folder = await mkdtemp(join(tmpdir(), "sluice-clients-"));
    await makeImage(folder);
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const skopeo = async (...args: readonly string[]): Promise<string> =>
    (await run("skopeo", ["--insecure-policy", ...args])).stdout;
  const push = (name: string) =>
    skopeo("copy", "--dest-tls-verify=false", `oci:${folder}/image:v1`, `docker://${registry.host}/${name}`);
  const digestIn = async (layout: string): Promise<string> => {
    const index = JSON.parse(await readFile(join(folder, layout, "index.json"), "utf8")) as {
      manifests: { digest: string }[];
    };
    return index.manifests[0]?.digest ?? "";
  };

  it("skopeo pushes an image, and pulls the same one", async () => {
    await push("team/app:v1");
    await skopeo("copy", "--src-tls-verify=false", `docker://${registry.host}/team/app:v1`, `oci:${folder}/back:v1`);
    expect(await digestIn("back")).toBe(await digestIn("image"));
    await run("umoci", ["unpack", "--rootless", "--image", `${folder}/back:v1`, `${folder}/unpacked`]);
    expect(await readFile(join(folder, "unpacked/rootfs/etc/greeting"), "utf8")).toBe("hello");
  });

  it("skopeo pushes Docker's kind of manifest", async () => {
    await skopeo(
      "copy",
      "--format=v2s2",
      "--dest-tls-verify=false",
      `oci:${folder}/image:v1`,
      `docker://${registry.host}/docker:v1`,
    );
    const raw = await skopeo("inspect", "--raw", "--tls-verify=false", `docker://${registry.host}/docker:v1`);
    expect((JSON.parse(raw) as { mediaType: string }).mediaType).toContain("vnd.docker.distribution.manifest.v2");
  });

  it("skopeo lists tags, copies from repository to repository, and deletes", async () => {
    await push("from:v1");
    const tlsOff = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    await skopeo("copy", ...tlsOff, `docker://${registry.host}/from:v1`, `docker://${registry.host}/to/there:v2`);
    const listed = await skopeo("list-tags", "--tls-verify=false", `docker://${registry.host}/to/there`);
    expect((JSON.parse(listed) as { Tags: string[] }).Tags).toEqual(["v2"]);
    await skopeo("delete", "--tls-verify=false", `docker://${registry.host}/to/there:v2`);
    await expect(skopeo("inspect", "--tls-verify=false", `docker://${registry.host}/to/there:v2`)).rejects.toThrow();
    await skopeo("inspect", "--tls-verify=false", `docker://${registry.host}/from:v1`);
  });

  it("what was pushed is there after the registry was killed", async () => {
    await push("killed:v1");
    expect(await registry.stop("SIGKILL")).toBe("SIGKILL");
    await registry.restart();
    await skopeo("copy", "--src-tls-verify=false", `docker://${registry.host}/killed:v1`, `oci:${folder}/survived:v1`);
    expect(await digestIn("survived")).toBe(await digestIn("image"));
  });

  it("a push that the kill of the registry cut short leaves nothing half, and works the next time", async () => {
    const pushing = push("cut:v1").catch(() => undefined);
    await expect.poll(() => readdir(join(registry.root, "registry/blobs/uploads")), { interval: 5 }).not.toEqual([]);
    await registry.stop("SIGKILL");
    await pushing;
    await registry.restart();
    const answer = await fetch(`http://${registry.host}/v2/cut/manifests/v1`);
    expect([200, 404]).toContain(answer.status);
    await push("cut:v1");
    await skopeo("copy", "--src-tls-verify=false", `docker://${registry.host}/cut:v1`, `oci:${folder}/cut:v1`);
    expect(await digestIn("cut")).toBe(await digestIn("image"));
  });

  it("ends by SIGTERM with exit code 0", async () => {
    expect(await registry.stop("SIGTERM")).toBe(0);
    await registry.restart();
  });
});

/** `image:v1` in `folder`: two layers, one of them large enough to be streamed. */
async function makeImage(folder: string): Promise<void> {
  const image = `${folder}/image:v1`;
  await run("umoci", ["init", "--layout", `${folder}/image`]);
  await run("umoci", ["new", "--image", image]);
  await run("umoci", ["unpack", "--rootless", "--image", image, `${folder}/bundle`]);
  await mkdir(`${folder}/bundle/rootfs/etc`, { recursive: true });
  await writeFile(`${folder}/bundle/rootfs/etc/greeting`, "hello");
  await run("umoci", ["repack", "--refresh-bundle", "--image", image, `${folder}/bundle`]);
  await cp(process.execPath, `${folder}/bundle/rootfs/node`);
  await run("umoci", ["repack", "--image", image, `${folder}/bundle`]);
}
