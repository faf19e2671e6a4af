import {
  createImageManifest,
  type Descriptor,
  emptyBlob,
  emptyDescriptor,
  isNotFound,
  type Manifest,
  ociMediaTypes,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { collect } from "@sluice/oci/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RepositoryImages } from "../operations/repository-images.js";
import { parseTag } from "../registry/manifest-reference.js";

/** A repository that is empty, and how others push into it. */
export interface OpenedImages extends AsyncDisposable {
  readonly images: RepositoryImages;
  pushBlob(bytes: Uint8Array): Promise<void>;
  pushManifest(manifest: Manifest, tag?: string): Promise<void>;
}

const layer = new TextEncoder().encode("layer");
const layerDescriptor: Descriptor = { mediaType: ociMediaTypes.layer, digest: sha256Of(layer), size: layer.length };
const image = createImageManifest({ config: emptyDescriptor, layers: [layerDescriptor] });
const subject = { mediaType: image.mediaType, digest: image.digest, size: image.bytes.byteLength };
const attached = (artifactType: string): Manifest =>
  createImageManifest({ artifactType, subject, config: emptyDescriptor, layers: [emptyDescriptor] });
const [artifact, signature] = [attached(sluiceMediaTypes.artifact), attached("application/x.signature")];
const tag = { kind: "tag", tag: parseTag("1") } as const;

/** What the images of a repository owe to operations, wherever they are. */
export function repositoryImagesSuite(name: string, open: () => Promise<OpenedImages>): void {
  describe(`the images of ${name}`, () => {
    let opened: OpenedImages;
    let images: RepositoryImages;
    beforeEach(async () => {
      opened = await open();
      images = opened.images;
    });
    afterEach(() => opened[Symbol.asyncDispose]());
    const pushImage = async (): Promise<void> => {
      await opened.pushBlob(layer);
      await opened.pushBlob(emptyBlob);
      await opened.pushManifest(image, "1");
    };
    const failureOf = (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        () => "no error",
        (error: unknown) => error,
      );

    it("are found by tag and by digest, as they were pushed", async () => {
      await pushImage();
      expect(await images.digestOf(tag)).toBe(image.digest);
      expect(await images.digestOf({ kind: "digest", digest: image.digest })).toBe(image.digest);
      for (const target of ["1", image.digest]) expect((await images.getManifest(target)).bytes).toEqual(image.bytes);
      expect(await collect(images.readBlob(layerDescriptor))).toEqual(layer);
    });

    it("are not found before they are there, and then at once", async () => {
      expect(await images.digestOf(tag)).toBeUndefined();
      expect(await images.digestOf({ kind: "digest", digest: image.digest })).toBeUndefined();
      for (const target of ["1", image.digest])
        expect(isNotFound(await failureOf(images.getManifest(target)))).toBe(true);
      expect(isNotFound(await failureOf(collect(images.readBlob(layerDescriptor))))).toBe(true);
      await pushImage();
      expect(await images.digestOf(tag)).toBe(image.digest);
    });

    it("are listed with what refers to them, of one type or all", async () => {
      expect(await images.referrers(image.digest)).toEqual([]);
      await pushImage();
      for (const manifest of [artifact, signature]) await opened.pushManifest(manifest);
      const all = (await images.referrers(image.digest)).map(({ digest }) => digest);
      expect(all.sort()).toEqual([artifact.digest, signature.digest].sort());
      const { artifactType = "" } = artifact;
      const [only, ...others] = await images.referrers(image.digest, { artifactType });
      expect([only, others]).toMatchObject([{ digest: artifact.digest, artifactType }, []]);
    });

    it("lose an artifact that is removed, from their lists too, and nothing else; again is no error", async () => {
      await pushImage();
      for (const manifest of [artifact, signature]) await opened.pushManifest(manifest);
      await images.removeArtifact(artifact.digest, "somebody");
      await images.removeArtifact(artifact.digest, "somebody");
      expect(isNotFound(await failureOf(images.getManifest(artifact.digest)))).toBe(true);
      expect((await images.referrers(image.digest)).map(({ digest }) => digest)).toEqual([signature.digest]);
      expect(await images.digestOf(tag)).toBe(image.digest);
    });
  });
}
