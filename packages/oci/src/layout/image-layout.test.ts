import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { emptyBlob, emptyDescriptor } from "../descriptor.js";
import { sha256Of } from "../digest/digest.js";
import { createImageManifest, descriptorOfManifest, type ImageManifest } from "../manifest.js";
import { collect, inPieces, noise, repositorySuite } from "../testing/repository-suite.js";
import { ImageLayout } from "./image-layout.js";

const root = mkdtempSync(join(tmpdir(), "sluice-layout-"));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const freshFolder = (): string => join(root, `layout-${count++}`);

repositorySuite("an image layout", { describe, it }, async () => new ImageLayout(freshFolder()));

const image = (label: string, subject?: ImageManifest): ImageManifest =>
  createImageManifest({
    artifactType: "application/vnd.example.thing",
    config: emptyDescriptor,
    layers: [],
    annotations: { label },
    ...(subject && { subject: descriptorOfManifest(subject) }),
  });

describe("an image layout on disk", () => {
  it("has the marker, the index and the blobs where the specification says", async () => {
    const folder = freshFolder();
    const layout = new ImageLayout(folder);
    const manifest = image("one");
    await layout.pushBlob({ digest: emptyDescriptor.digest, size: 2 }, () => inPieces(emptyBlob));
    await layout.pushManifest(manifest, { tag: "v1" });
    expect(JSON.parse(await readFile(join(folder, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
    const index = JSON.parse(await readFile(join(folder, "index.json"), "utf8"));
    expect(index.schemaVersion).toBe(2);
    expect(index.manifests).toEqual([
      {
        mediaType: manifest.mediaType,
        digest: manifest.digest,
        size: manifest.bytes.byteLength,
        annotations: { "org.opencontainers.image.ref.name": "v1" },
      },
    ]);
    expect(await readFile(join(folder, "blobs", "sha256", manifest.digest.slice(7)))).toEqual(
      Buffer.from(manifest.bytes),
    );
  });

  it("says that there is no layout, rather than no tag, where no layout is", async () => {
    const folder = freshFolder();
    const layout = new ImageLayout(folder);
    const missing = { code: "NOT_FOUND", message: `oci:${folder}: there is no image layout in this folder` };
    await expect(layout.getManifest("v1")).rejects.toMatchObject(missing);
    await expect(layout.getManifest(sha256Of("x"))).rejects.toMatchObject(missing);
    await mkdir(folder);
    await expect(layout.resolve("latest")).rejects.toMatchObject(missing);
    await layout.pushManifest(image("one"), { tag: "v1" });
    await expect(layout.getManifest("v2")).rejects.toThrow(/no image with tag "v2"; it has v1/);
  });

  it("leaves no temporary files and no lock behind, after success and after failure", async () => {
    const folder = freshFolder();
    const layout = new ImageLayout(folder);
    await layout.pushManifest(image("one"), { tag: "v1" });
    const wrong = { digest: sha256Of("x"), size: 5 };
    await expect(layout.pushBlob(wrong, () => inPieces(noise(5)))).rejects.toThrow(/expected sha256/);
    expect((await readdir(folder)).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  it("keeps fields of index.json that it does not know", async () => {
    const folder = freshFolder();
    const layout = new ImageLayout(folder);
    await layout.pushManifest(image("one"), { tag: "v1" });
    const path = join(folder, "index.json");
    const index = JSON.parse(await readFile(path, "utf8"));
    index.annotations = { "org.example.note": "mine" };
    index.manifests[0].urls = ["https://example.org/"];
    await writeFile(path, JSON.stringify(index));
    await layout.pushManifest(image("two"), { tag: "v2" });
    const after = JSON.parse(await readFile(path, "utf8"));
    expect(after.annotations).toEqual({ "org.example.note": "mine" });
    expect(after.manifests[0].urls).toEqual(["https://example.org/"]);
  });

  it("loses no tag when two processes' worth of writers push at once", async () => {
    const folder = freshFolder();
    const layouts = Array.from({ length: 6 }, () => new ImageLayout(folder));
    await Promise.all(layouts.map((layout, at) => layout.pushManifest(image(`${at}`), { tag: `v${at}` })));
    const tags: string[] = [];
    for await (const tag of new ImageLayout(folder).tags()) tags.push(tag);
    expect(tags.sort()).toEqual(["v0", "v1", "v2", "v3", "v4", "v5"]);
  });

  it("writes a blob again whose file has another size than its name says", async () => {
    const folder = freshFolder();
    const layout = new ImageLayout(folder);
    const bytes = noise(1000);
    const blob = { digest: sha256Of(bytes), size: bytes.byteLength };
    await layout.pushBlob(blob, () => inPieces(bytes));
    const path = join(folder, "blobs", "sha256", blob.digest.slice("sha256:".length));
    await writeFile(path, bytes.subarray(0, 400));
    expect(await layout.blobSize(blob.digest)).toBe(400);
    await layout.pushBlob(blob, () => inPieces(bytes));
    expect(sha256Of(await collect(layout.readBlob(blob)))).toBe(blob.digest);
  });

  it("finds the only image under latest, and names the tags there are when there are several", async () => {
    const layout = new ImageLayout(freshFolder());
    const first = image("one");
    await layout.pushManifest(first, { tag: "v1" });
    await layout.pushManifest(image("about it", first));
    expect((await layout.resolve("latest")).digest).toBe(first.digest);
    await layout.pushManifest(image("two"), { tag: "v2" });
    await expect(layout.resolve("latest")).rejects.toThrow(/no image with tag "latest"; it has v1, v2/);
  });

  it("keeps a referrer listed when its tag moves on", async () => {
    const layout = new ImageLayout(freshFolder());
    const subject = image("subject");
    const referrer = image("referrer", subject);
    await layout.pushManifest(subject, { tag: "v1" });
    await layout.pushManifest(referrer, { tag: "streaming" });
    await layout.pushManifest(image("other"), { tag: "streaming" });
    expect((await layout.referrers(subject.digest)).map(({ digest }) => digest)).toEqual([referrer.digest]);
  });

  it("refuses a blob that was damaged, truncated or replaced by something that is no file", async () => {
    const folder = freshFolder();
    const layout = new ImageLayout(folder);
    const bytes = noise(10_000);
    const blob = { digest: sha256Of(bytes), size: bytes.byteLength };
    await layout.pushBlob(blob, () => inPieces(bytes));
    const path = join(folder, "blobs", "sha256", blob.digest.slice(7));
    const damaged = Uint8Array.from(bytes);
    damaged[5000] = (damaged[5000] ?? 0) ^ 1;
    await writeFile(path, damaged);
    await expect(collect(layout.readBlob(blob))).rejects.toThrow(/expected sha256:/);
    await truncate(path, 9_000);
    await expect(collect(layout.readBlob(blob))).rejects.toThrow(/expected 10000 bytes, read 9000/);
    rmSync(path);
    await symlink("/dev/zero", path);
    await expect(collect(layout.readBlob(blob))).rejects.toThrow(/not there/);
    rmSync(path);
    execFileSync("sh", ["-c", 'mkfifo "$0"', path]);
    await expect(collect(layout.readBlob(blob))).rejects.toThrow(/not there/);
  });

  it.each([
    ["not JSON", "<html>"],
    ["a manifest", JSON.stringify({ schemaVersion: 2, layers: [] })],
    [
      "a hostile size",
      JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: "a", digest: sha256Of(""), size: -1 }] }),
    ],
    [
      "a path for a digest",
      JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: "a", digest: "sha256:../../x", size: 1 }] }),
    ],
  ])("refuses an index.json that is %s", async (_name, text) => {
    const folder = freshFolder();
    await mkdir(folder);
    await writeFile(join(folder, "index.json"), text);
    await expect(new ImageLayout(folder).resolve("v1")).rejects.toMatchObject({ code: "INVALID_DOCUMENT" });
  });
});
