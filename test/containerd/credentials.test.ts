import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImageLayout } from "@sluice/oci";
import { missingPrograms } from "@sluice/oci/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeptNode } from "../support/kept-node.js";
import { Pods } from "../support/pods/pods.js";
import { RunningContainerd } from "../support/running-containerd.js";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { sluiceJson } from "../support/sluice.js";
import { pushSmallImage } from "../support/small-image.js";

const containerdProgram = "/usr/bin/containerd";
const missing = missingPrograms({ containerd: "containerd" });
const socket = join(tmpdir(), `sluice-credentials-${process.pid}`, "s.sock");

describe.skipIf(missing !== "" || !existsSync(containerdProgram))(`a private image on a node ${missing}`, () => {
  let registry: RunningRegistry;
  let node: KeptNode;
  let containerd: RunningContainerd;
  let folder: string;
  let image: string;
  let login: { readonly kind: "password"; readonly username: string; readonly password: string };
  const secrets = (): string => join(folder, "secrets");
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-secrets-"));
    registry = await startRegistry({ conversions: 0 });
    image = `${registry.host}/team/app:1`;
    const made = await sluiceJson(["user", "create", "admin", "--admin", "--registry", registry.host]);
    login = { kind: "password", username: "admin", password: String(made["password"]) };
    await using layout = new ImageLayout(join(folder, "layout"));
    await pushSmallImage(layout, "1", { layers: [[{ name: "file", content: "private" }]] });
    await mkdir(join(folder, "docker"));
    await writeFile(join(folder, "docker/config.json"), dockerConfig());
    const source = `oci:${join(folder, "layout")}:1`;
    const env = { DOCKER_CONFIG: join(folder, "docker") };
    await sluiceJson(["convert", source, "--to", image, "--root", folder], env);
    await mkdir(join(folder, "sluice"));
    await mkdir(secrets());
    await writeFile(join(folder, "sluice/config.yaml"), JSON.stringify({ credentials: { files: [secrets()] } }));
    node = await KeptNode.create({ XDG_CONFIG_HOME: folder, SLUICE_SNAPSHOTTER_ADDRESS: socket });
    await node.must("daemon", "start");
    containerd = await RunningContainerd.start(containerdProgram, { address: socket, dataRoot: node.root });
  });
  afterAll(async () => {
    await containerd?.[Symbol.asyncDispose]();
    await node?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  const dockerConfig = (): string => {
    const auth = Buffer.from(`${login.username}:${login.password}`).toString("base64");
    return JSON.stringify({ auths: { [registry.host]: { auth } } });
  };
  const pulled = async (): Promise<unknown> =>
    (JSON.parse(await node.must("why", image, "-o", "json")) as { pulled: unknown }).pulled;

  it("AS40: is pulled as usual where the node has no secret of its own, and streamed with `regcred`", async () => {
    await containerd.pull(image, login);
    expect(await pulled()).toMatchObject({
      streamed: false,
      reason: { message: expect.stringMatching(/log ?in|unauthorized/i) },
    });
    using pods = new Pods(containerd.socket, folder);
    await pods.removeImage(image);
    await mkdir(join(secrets(), "regcred"));
    await writeFile(join(secrets(), "regcred/.dockerconfigjson"), dockerConfig());
    await containerd.pull(image, login);
    expect(await pulled()).toEqual({ streamed: true });
  });
});
