import { imageLink } from "../address.js";
import { readRecordings, startFiguresOf } from "../artifacts.js";
import { digestText, element, facts } from "../element.js";
import { type Descriptor, type Manifest, readManifest, sizeOf } from "../manifests.js";
import { bytesText, savedText, shareText } from "../quantities.js";
import type { Stage } from "../view.js";

export interface StreamedImage {
  readonly repository: string;
  /** As it was asked for. */
  readonly reference: string;
  /** What can be streamed: of an index, its linux/amd64. */
  readonly image: Manifest;
  readonly artifacts: readonly Descriptor[];
}

/** How an image is streamed: what that takes, and what a start takes. */
export async function streamingSection(stage: Stage, streamed: StreamedImage): Promise<readonly Node[]> {
  const heading = element("h2", {}, "Streaming");
  const { artifacts } = streamed;
  if (artifacts.length === 0) {
    return [heading, element("p", {}, "There is no streaming artifact: nodes pull this image in full.")];
  }
  return [heading, ...(await Promise.all(artifacts.map((artifact) => artifactFacts(stage, streamed, artifact))))];
}

async function artifactFacts(
  { registry, signal }: Stage,
  { repository, image }: StreamedImage,
  { digest }: Descriptor,
): Promise<HTMLElement> {
  const artifact = await readManifest(registry, repository, digest, signal);
  const [imageBytes, artifactBytes] = [sizeOf(image), sizeOf(artifact)];
  const { firstBytes, recordings, hasStartupBlob } = startFiguresOf(artifact);
  const starts = await readRecordings(registry, repository, artifact, signal);
  return facts([
    ["Artifact", element("a", { href: imageLink(repository, digest) }, digestText(digest))],
    ["Original", bytesText(imageBytes)],
    ["Streaming", `${bytesText(artifactBytes)}, ${savedText(imageBytes, artifactBytes)}`],
    ["A start fetches first", `${bytesText(firstBytes)}, ${shareText(firstBytes, imageBytes)} of the original`],
    ["Its startup set", startupText(hasStartupBlob, recordings)],
    ...(starts.length > 0
      ? [
          [
            "Recorded starts",
            starts
              .map(({ seconds, touchedBytes }) => `${seconds.toFixed(1)} s, read ${bytesText(touchedBytes)}`)
              .join("; "),
          ] as const,
        ]
      : []),
  ]);
}

function startupText(hasStartupBlob: boolean, recordings: number): string {
  if (!hasStartupBlob) return "none";
  if (recordings === 0) return "predicted from the image";
  return `learned from ${recordings} recorded ${recordings === 1 ? "start" : "starts"}`;
}
