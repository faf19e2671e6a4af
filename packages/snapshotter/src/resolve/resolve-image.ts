import { decodeToc, maxTocBytes, type Toc } from "@sluice/disk";
import type { Artifact } from "@sluice/disk/artifact";
import type { AbortOptions, Digest, ImageConfig, ImageManifest, Repository } from "@sluice/oci";
import type { Tracer } from "../observe/tracing.js";
import { findTrustedArtifact } from "./find-artifact.js";
import { askAgain, referrersOf } from "./looked-up-before.js";
import { matchToc } from "./match-toc.js";
import { invalid, notStreamableBecause } from "./not-streamable.js";
import { readSmallBlob } from "./small-blob.js";
import { findSourceManifest, readSourceConfig } from "./source-image.js";
import type { TrustPolicy } from "./trust.js";

/** An image with the artifact to stream it from: everything a disk needs, checked against each other. */
export interface ResolvedImage {
  readonly source: ImageManifest;
  readonly config: ImageConfig;
  readonly configBytes: Uint8Array;
  readonly artifact: Artifact;
  /** As in the registry. */
  readonly tocBytes: Uint8Array;
  readonly toc: Toc;
}

/** A TOC that does not shrink at all is no larger than this: zstd adds a few bytes per 128 KiB block. Bytes. docs/format.md §5 */
export const maxTocBlobBytes: number = maxTocBytes + 2 ** 20;

/** What the caller knows already. */
export interface ResolveOptions extends AbortOptions {
  /** An image that was resolved before, by the digest of its artifact: then its TOC is not fetched again. */
  readonly known?: ((artifact: Digest) => Promise<ResolvedImage | undefined>) | undefined;
  readonly tracer?: Tracer | undefined;
  /** What the reference named when it was last looked up. Saves round trips while it names the same, and decides nothing. */
  readonly before?: (() => Promise<ResolvedImage | undefined>) | undefined;
}

/**
 * Looks an image up in four waits: its manifest (five, when an index comes first), then referrers and config, then the artifact's manifest, then the TOC. In one, when it still is
 * what it was before: what the registry says of tag and referrers is always asked for, what has a digest is not asked for twice.
 *
 * @throws {NotStreamableError} with the reason and the cure
 */
export async function resolveImage(
  repository: Repository,
  target: string,
  trust: TrustPolicy,
  options?: ResolveOptions,
): Promise<ResolvedImage> {
  try {
    const before = options?.before?.().catch(() => undefined) ?? Promise.resolve(undefined);
    const [source, asked] = await Promise.all([
      findSourceManifest(repository, target, before, options),
      askAgain(repository, before, options),
    ]);
    const same = asked?.image.source.digest === source.digest ? asked : undefined;
    const [referrers, { config, configBytes }] = await Promise.all([
      same?.referrers ?? referrersOf(repository, source.digest, options),
      same?.image ?? readSourceConfig(repository, source, options),
    ]);
    const fit = { manifest: source, diffIds: config.diffIds };
    const manifests = same ? [same.image.artifact.manifest] : [];
    const artifact = await findTrustedArtifact(repository, fit, { referrers, manifests }, trust, options);
    const known = await options?.known?.(artifact.digest);
    if (known) return known;
    const what = `TOC of ${repository.name}@${artifact.digest}`;
    const readToc = async () => {
      const tocBytes = await readSmallBlob(repository, artifact.toc, maxTocBlobBytes, what, options).catch(
        (error: unknown) => {
          throw notStreamableBecause(error, what, "ARTIFACT_NOT_FOUND");
        },
      );
      return { tocBytes, toc: decodeTocOf(artifact, tocBytes) };
    };
    const facts = { "artifact.digest": artifact.digest, "toc.bytes": artifact.toc.size };
    const read = await (options?.tracer?.step("toc", facts, readToc) ?? readToc());
    return { source, config, configBytes, artifact, ...read };
  } catch (error) {
    options?.signal?.throwIfAborted();
    throw notStreamableBecause(error, `${repository.name}:${target}`);
  }
}

/** @throws {NotStreamableError} ARTIFACT_INVALID */
export function decodeTocOf(artifact: Artifact, tocBytes: Uint8Array): Toc {
  const toc = decode(artifact, tocBytes);
  matchToc(toc, artifact);
  return toc;
}

function decode(artifact: Artifact, tocBytes: Uint8Array): Toc {
  try {
    return decodeToc(tocBytes, { digest: artifact.toc.digest });
  } catch (error) {
    throw invalid(`${artifact.toc.digest}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
