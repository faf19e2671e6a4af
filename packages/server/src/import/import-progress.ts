/** How far an import is. */
export interface ImportProgress {
  /** Stored, or found here. */
  manifests: number;
  /** Of {@link manifests}: those that refer to another one of the import. */
  referrers: number;
  /** Taken from the source. */
  fetchedBlobs: number;
  /** In the repository already. */
  reusedBlobs: number;
  /** Of blobs. */
  fetchedBytes: number;
  /** Of the blobs to fetch that are known so far. */
  expectedBytes: number;
}

export const noProgress = (): ImportProgress => ({
  manifests: 0,
  referrers: 0,
  fetchedBlobs: 0,
  reusedBlobs: 0,
  fetchedBytes: 0,
  expectedBytes: 0,
});
