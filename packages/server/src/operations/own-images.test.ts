import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { maxReferrers, ociMediaTypes, sha256Of } from "@sluice/oci";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { openRegistry } from "../open-registry.js";
import { storeManifest } from "../registry/change-manifests.js";
import { describeManifest } from "../registry/manifest-description.js";
import { parseTag } from "../registry/manifest-reference.js";
import { parseRepositoryName } from "../registry/repository-name.js";
import { repositoryImagesSuite } from "../testing/repository-images-suite.js";
import { type OwnPlaces, ownImages } from "./own-images.js";

repositoryImagesSuite("a repository of the registry", async () => {
  const root = await mkdtemp(join(tmpdir(), "sluice-images-"));
  const access = { anonymous: "none", openWithoutAccounts: "everybody", maxFailures: 1 } as const;
  const registry = await openRegistry({ root, log: pino({ level: "silent" }), access, allowPrivate: false });
  const { places } = registry;
  const name = parseRepositoryName("team/app");
  return {
    images: places.images.in(name),
    pushBlob: (bytes) =>
      places.uploads.push(
        name,
        sha256Of(bytes),
        (async function* () {
          yield bytes;
        })(),
      ),
    pushManifest: async ({ bytes, digest, mediaType }, tag) => {
      const manifest = describeManifest(bytes, mediaType, { kind: "digest", digest });
      const origin = { caller: "", via: "push" } as const;
      await storeManifest(places, name, manifest, tag === undefined ? [] : [parseTag(tag)], origin);
    },
    [Symbol.asyncDispose]: async () => {
      await registry[Symbol.asyncDispose]();
      await rm(root, { recursive: true });
    },
  };
});

describe("what refers to an image", () => {
  it("is listed as far as clients of the registry read it, however much it is", async () => {
    let read = 0;
    const metadata = {
      referrers: async function* () {
        for (;;) yield { mediaType: ociMediaTypes.manifest, digest: sha256Of(`${read++}`), size: 1 };
      },
    };
    const images = ownImages({ metadata } as unknown as OwnPlaces, parseRepositoryName("team/app"));
    expect(await images.referrers(sha256Of("image"))).toHaveLength(maxReferrers);
    expect(read).toBeLessThan(maxReferrers + 10);
  });
});
