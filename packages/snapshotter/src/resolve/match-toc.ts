import { blobKind, type Toc, type TocBlob } from "@sluice/disk";
import type { Artifact, ArtifactBlob } from "@sluice/disk/artifact";
import { invalid } from "./not-streamable.js";

/**
 * Whether a decoded TOC belongs to the artifact: it names the same source, and no blob that the manifest does not list with the same kind
 * and size. What the TOC says about chunks was checked when it was decoded; the chunks themselves are when they arrive.
 *
 * @throws {NotStreamableError} ARTIFACT_INVALID
 */
export function matchToc(toc: Toc, artifact: Artifact): void {
  const name = `TOC ${artifact.toc.digest}`;
  if (toc.source !== artifact.subject) {
    throw invalid(`${name}: made for ${toc.source}, the artifact is for ${artifact.subject}`);
  }
  for (const blob of toc.blobs) {
    const listed = blobsOf(artifact, blob).find(({ digest }) => digest === blob.digest);
    if (!listed) throw invalid(`${name}: blob ${blob.digest} of kind ${blob.kind} is not in the manifest`);
    if (listed.sizeBytes !== blob.sizeBytes) {
      throw invalid(
        `${name}: blob ${blob.digest} has ${blob.sizeBytes} bytes there and ${listed.sizeBytes} in the manifest`,
      );
    }
  }
  const first = toc.regions[0];
  if (toc.blobs[first?.blob ?? -1]?.kind !== blobKind.metadata) throw invalid(`${name}: region 0 is not the metadata`);
}

function blobsOf(artifact: Artifact, { kind }: TocBlob): readonly ArtifactBlob[] {
  switch (kind) {
    case blobKind.metadata:
      return [artifact.metadata];
    case blobKind.startup:
      return artifact.startup ? [artifact.startup] : [];
    case blobKind.layer:
      return artifact.layers;
  }
}
