import { measureRecording, optimizeImage, type RecordedReads } from "@sluice/converter";
import type { DaemonClient } from "@sluice/snapshotter/client";
import { recordStart } from "../optimize/record-start.js";
import type { Start } from "./containers.js";
import type { Stage, StagedImage } from "./stage.js";

/** An image of which starts were recorded. */
export interface RecordedImage extends StagedImage {
  /** What another start read, which the startup blob knows nothing of. */
  readonly reads: RecordedReads;
  readonly startupBytes: number;
}

/** Two starts of one image differ in a few pages; what three read leaves nothing out. */
const recordings = 3;

/** Records starts of the stage's image past the link and attaches what they read to a copy of it, in a repository of its own. */
export async function recordImage(
  stage: Stage,
  { root, client, ...start }: Start & { readonly root: string; readonly client: DaemonClient },
): Promise<RecordedImage> {
  const image = await stage.another("bench/recorded");
  const recorded = (): Promise<Uint8Array> =>
    recordStart(client, { ...start, root, image: { reference: image.directReference } });
  const documents: Uint8Array[] = [];
  for (let i = 0; i < recordings; i++) documents.push(await recorded());
  const unlearned = await recorded();
  const { signal } = start;
  const { artifact, startup } = await optimizeImage(image.direct, documents, { root, signal });
  const reads = await measureRecording(image.direct, unlearned, { root, signal });
  return { ...image, artifactBytes: artifact.sizeBytes, reads, startupBytes: startup.sizeBytes };
}
