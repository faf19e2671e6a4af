import type { AbortOptions, BlobContent, Digest, Repository } from "@sluice/oci";
import PQueue from "p-queue";

/** A blob that the target must have, and where its bytes are. */
export interface BlobSource {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly content: BlobContent;
  /** The repository that holds it; undefined for what lies on this machine. */
  readonly from: Repository | undefined;
}

export interface PushOptions extends AbortOptions {
  /** Told of each blob when it is there, whoever put it there. */
  readonly onPushed?: ((blob: BlobSource) => void) | undefined;
}

/** Uploads at once. More share one link and gain nothing. */
const maxUploads = 4;

/** Sees to it that `target` has all `blobs`: those that are there are left, those that it can mount are mounted, the others are sent. */
export async function pushBlobs(
  target: Repository,
  blobs: readonly BlobSource[],
  options: PushOptions = {},
): Promise<void> {
  const distinct = new Map(blobs.map((blob) => [blob.digest, blob]));
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const queue = new PQueue({ concurrency: maxUploads });
  const pushes = [...distinct.values()].map((blob) =>
    queue.add(async () => {
      signal.throwIfAborted();
      await pushOne(target, blob, { signal });
      options.onPushed?.(blob);
    }),
  );
  try {
    await Promise.all(pushes);
  } catch (error) {
    stop.abort(error); // the others end their uploads, so that nothing goes on behind the caller's back
    await Promise.allSettled(pushes);
    throw error;
  }
}

async function pushOne(target: Repository, blob: BlobSource, options: AbortOptions): Promise<void> {
  const name = { digest: blob.digest, size: blob.sizeBytes };
  if (blob.from === target) return;
  if ((await target.blobSize(blob.digest, options)) === blob.sizeBytes) return;
  if (blob.from !== undefined && (await target.mountBlob(name, blob.from, options))) return;
  await target.pushBlob(name, blob.content, options);
}
