import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createImageIndex, createImageManifest, emptyBlob, emptyDescriptor, ociMediaTypes } from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { sluice, sluiceJson } from "../support/sluice.js";

describe("import, by the command line", () => {
  let registry: RunningRegistry;
  let source: TestRegistry;
  let folder: string;
  let digest: string;
  const nobody = { DOCKER_CONFIG: "/nonexistent" };

  beforeAll(async () => {
    registry = await startRegistry();
    folder = await mkdtemp(join(tmpdir(), "sluice-import-"));
    source = await TestRegistry.start({ access: { kind: "token", username: "ann", password: "pw" } });
    const from = source.store.repository("team/app");
    const pushed = (bytes: Uint8Array, tag?: string) => {
      const manifest = from.putManifest(bytes, undefined, tag);
      return { mediaType: manifest.mediaType, digest: manifest.digest, size: bytes.byteLength };
    };
    from.putBlob(emptyBlob);
    const image = (content: string) => {
      const layer = {
        mediaType: ociMediaTypes.layer,
        digest: from.putBlob(Buffer.from(content)),
        size: content.length,
      };
      return pushed(createImageManifest({ config: emptyDescriptor, layers: [layer] }).bytes);
    };
    digest = pushed(createImageIndex([image("amd64"), image("arm64")]).bytes, "1").digest;
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await source.close();
    await rm(folder, { recursive: true, force: true });
  });
  const words = (target: string) => [
    ...["import", "--registry", registry.host],
    ...["--source", `${source.host}/team/app:1`, "-t", target],
  ];

  it("copies an index with its children under its digest (AS30), with the login given (AS31)", async () => {
    const login = ["--username", "ann", "--password", "pw"];
    const imported = await sluiceJson([...words("copy/app:v1"), ...login], nobody);
    const counts = { manifests: 3, referrers: 0, fetchedBlobs: 3 };
    expect(imported).toMatchObject({ repository: "copy/app", tag: "v1", digest, ...counts });
    expect(await sluiceJson([...words("copy/app:v1"), ...login], nobody)).toMatchObject({ fetchedBlobs: 0, digest });
    const referrers = await sluiceJson(["referrers", `${registry.host}/copy/app:v1`], nobody);
    expect(referrers).toMatchObject({ subject: digest });
  });

  it("takes the login of docker's configuration (AS31)", async () => {
    const auth = Buffer.from("ann:pw").toString("base64");
    await writeFile(join(folder, "config.json"), JSON.stringify({ auths: { [source.host]: { auth } } }));
    expect(await sluiceJson(words("copy/other:v1"), { DOCKER_CONFIG: folder })).toMatchObject({ digest });
  });

  it("says that a login is missing, and that a source limits requests (AS31)", async () => {
    const refused = await sluice(words("copy/app:v2"), nobody);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("--username and --password-stdin")]);
    const stop = source.faults.add({ fault: { kind: "status", status: 429, retryAfter: 3600 } });
    const limited = await sluice(words("copy/app:v2"), nobody);
    stop();
    expect([limited.code, limited.stderr]).toEqual([1, expect.stringMatching(/limits how often.*log in there/)]);
  });
});
