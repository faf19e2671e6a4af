import { type AbortOptions, type Digest, digestOfHash } from "@sluice/oci/content";
import type { IndexedChunk } from "./chunk-index.js";
import type { ScrubProgress } from "./chunk-store.js";
import type { Segment } from "./segment.js";
import type { StoreParts } from "./store-parts.js";
import { dropDamaged, readVerified } from "./verified-read.js";

/** See {@link ChunkStore.scrub}. Reads beside the lane; what is damaged is dropped inside it. */
export async function* scrubSegments(
  parts: StoreParts,
  exclusive: (task: () => Promise<void>) => Promise<void>,
  options?: AbortOptions,
): AsyncGenerator<ScrubProgress> {
  let checkedChunks = 0;
  let checkedBytes = 0;
  for (const segment of parts.segments.live) {
    const damaged: Digest[] = [];
    for await (const chunk of parts.index.chunksOf(segment.number)) {
      options?.signal?.throwIfAborted();
      if (segment.retired) break;
      checkedChunks++;
      checkedBytes += chunk.lengthBytes;
      if (await isSound(segment, chunk)) continue;
      await exclusive(() => dropDamaged(parts, segment, chunk));
      damaged.push(digestOfHash(chunk.id));
    }
    yield { segment: segment.number, checkedChunks, checkedBytes, damaged };
  }
}

/** True also if the segment went away meanwhile: then there is nothing to drop. */
async function isSound(segment: Segment, chunk: IndexedChunk): Promise<boolean> {
  return (await readVerified(segment, chunk)) !== undefined || segment.retired;
}
