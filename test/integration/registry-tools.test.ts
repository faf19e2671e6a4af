import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { missingPrograms } from "@sluice/oci/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { documentOf, pushImage, putManifest, types } from "../conformance/content.js";
import { hasStatus } from "../conformance/expect.js";
import { Target } from "../conformance/target.js";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { sluiceJson } from "../support/sluice.js";

const run = promisify(execFile);
const lacks = (program: string, from: string): string => missingPrograms({ [program]: from });
const [crane, regctl, skopeo, podman] = [
  lacks("crane", "go install github.com/google/go-containerregistry/cmd/crane"),
  lacks("regctl", "go install github.com/regclient/regclient/cmd/regctl"),
  lacks("skopeo", "skopeo"),
  lacks("podman", "podman"),
];

/** With accounts: so each of them goes through the login and the flow of tokens, too. */
describe("tools that others wrote, logged in", () => {
  let registry: RunningRegistry;
  let folder: string;
  let password: string;
  let image: string;
  let index: string;
  let referrer: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    registry = await startRegistry();
    folder = await mkdtemp(join(tmpdir(), "sluice-tools-"));
    const made = await sluiceJson(["user", "create", "admin", "--admin", "--registry", registry.host]);
    password = String(made["password"]);
    const auth = Buffer.from(`admin:${password}`).toString("base64");
    await writeFile(join(folder, "config.json"), JSON.stringify({ auths: { [registry.host]: { auth } } }));
    env = { ...process.env, DOCKER_CONFIG: folder, REGISTRY_AUTH_FILE: join(folder, "config.json"), HOME: folder };
    const target = new Target({
      rootUrl: `http://${registry.host}`,
      namespace: "source/app",
      crossmountNamespace: "source/other",
      credentials: { username: "admin", password },
    });
    const children = [await pushImage(target), await pushImage(target)];
    const manifests = children.map(({ mediaType, digest, size }, at) => ({
      mediaType,
      digest,
      size,
      platform: { os: "linux", architecture: at === 0 ? "amd64" : "arm64" },
    }));
    const document = documentOf(types.index, { manifests });
    hasStatus(await putManifest(target, "v1", document), 201);
    const { mediaType, digest, size } = document;
    image = `${registry.host}/source/app:v1`;
    index = digest;
    referrer = (
      await pushImage(target, undefined, { artifactType: "application/x.test", subject: { mediaType, digest, size } })
    ).digest;
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  const use = async (program: string, ...args: readonly string[]): Promise<string> =>
    (await run(program, [...args], { env })).stdout.trim();

  it.skipIf(crane !== "")(`crane copies every platform, lists and deletes ${crane}`, async () => {
    await use("crane", "copy", "--insecure", image, `${registry.host}/by/crane:v1`);
    expect(await use("crane", "digest", "--insecure", `${registry.host}/by/crane:v1`)).toBe(index);
    expect(await use("crane", "ls", "--insecure", `${registry.host}/by/crane`)).toBe("v1");
    expect(await use("crane", "catalog", "--insecure", registry.host)).toContain("by/crane");
    await use("crane", "delete", "--insecure", `${registry.host}/by/crane:v1`);
    expect(await use("crane", "ls", "--insecure", `${registry.host}/by/crane`)).toBe("");
  });

  it.skipIf(regctl !== "")(`regctl copies an index with its referrers, and lists them ${regctl}`, async () => {
    const plain = ["--host", `reg=${registry.host},tls=disabled`];
    await use("regctl", "image", "copy", ...plain, "--referrers", image, `${registry.host}/by/regctl:v1`);
    expect(await use("regctl", "image", "digest", ...plain, `${registry.host}/by/regctl:v1`)).toBe(index);
    const listed = await use(
      "regctl",
      "artifact",
      "list",
      ...plain,
      "--format",
      "{{json .}}",
      `${registry.host}/by/regctl:v1`,
    );
    expect(listed).toContain(referrer);
  });

  it.skipIf(skopeo !== "")(`skopeo copies every platform to a folder and back ${skopeo}`, async () => {
    await use(
      "skopeo",
      "--insecure-policy",
      "copy",
      "--all",
      "--src-tls-verify=false",
      `docker://${image}`,
      `oci:${folder}/all:v1`,
    );
    const back = `docker://${registry.host}/by/skopeo:v1`;
    await use(
      "skopeo",
      "--insecure-policy",
      "copy",
      "--all",
      "--preserve-digests",
      "--dest-tls-verify=false",
      `oci:${folder}/all:v1`,
      back,
    );
    const raw = await use("skopeo", "inspect", "--raw", "--tls-verify=false", back);
    expect((JSON.parse(raw) as { manifests: unknown[] }).manifests).toHaveLength(2);
    await expect(
      run("skopeo", ["login", "--tls-verify=false", "-u", "admin", "-p", "wrong", registry.host], { env }),
    ).rejects.toThrow();
  });

  it.skipIf(podman !== "")(`podman logs in and lists tags ${podman}`, async () => {
    const authfile = ["--tls-verify=false", "--authfile", join(folder, "podman.json")];
    await use("podman", "login", ...authfile, "-u", "admin", "-p", password, registry.host);
    const listed = await use(
      "podman",
      "search",
      ...authfile,
      "--list-tags",
      "--format",
      "{{.Tag}}",
      `${registry.host}/source/app`,
    );
    expect(listed).toMatch(/source\/app\s+v1$/);
  });
});
