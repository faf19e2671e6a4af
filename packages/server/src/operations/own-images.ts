import {
  type AbortOptions,
  type Descriptor,
  isDigest,
  maxReferrers,
  NotFoundError,
  parseManifest,
  verifyStream,
} from "@sluice/oci";
import type { BlobStore } from "@sluice/store";
import { type ChangePlaces, removeManifest } from "../registry/change-manifests.js";
import { type ManifestReference, parseManifestReference } from "../registry/manifest-reference.js";
import type { RepositoryName } from "../registry/repository-name.js";
import type { RepositoryImages } from "./repository-images.js";
import { UnnamedBySha256Error } from "./unnamed-by-sha256-error.js";

/** Where this registry keeps images. */
export interface OwnPlaces extends ChangePlaces {
  readonly blobs: BlobStore;
}

/** The images of a repository of this registry itself. */
export function ownImages(places: OwnPlaces, repository: RepositoryName): RepositoryImages {
  const { metadata, blobs } = places;
  const find = async (reference: ManifestReference, options?: AbortOptions) => {
    const { kind } = reference;
    const digest = kind === "digest" ? reference.digest : await metadata.resolveTag(repository, reference.tag, options);
    const stored = digest && (await metadata.manifest(repository, digest, options));
    return digest && stored && { digest, stored };
  };
  return {
    name: repository,
    digestOf: async (reference, options) => (await find(reference, options))?.digest,
    getManifest: async (target, options) => {
      const found = await find(parseManifestReference(target), options);
      if (found === undefined) throw new NotFoundError(`${repository} has no manifest ${target}`);
      const { digest, stored } = found;
      if (!isDigest(digest)) throw new UnnamedBySha256Error(digest);
      return parseManifest(stored.bytes, `manifest ${target} of ${repository}`, stored.mediaType);
    },
    readBlob: async function* ({ digest, size }, options) {
      if (!(await metadata.hasBlob(repository, digest, options))) {
        throw new NotFoundError(`${repository} has no blob ${digest}`);
      }
      const expected = { digest, sizeBytes: size };
      yield* verifyStream(blobs.read(digest, undefined, options), expected, `blob ${digest} of ${repository}`);
    },
    referrers: async (subject, options) => {
      const found: Descriptor[] = [];
      for await (const { digest, ...rest } of metadata.referrers(repository, subject, { signal: options?.signal })) {
        // An artifact that is named by sha512 is none that a node can choose.
        const isWanted = isDigest(digest) && (options?.artifactType ?? rest.artifactType) === rest.artifactType;
        if (isWanted) found.push({ ...rest, digest });
        // As clients of the API do: what they do not see, a conversion need not see.
        if (found.length === maxReferrers) break;
      }
      return found;
    },
    removeArtifact: async (artifact, caller) => {
      await removeManifest(places, repository, artifact, { caller, via: "push" });
    },
  };
}
