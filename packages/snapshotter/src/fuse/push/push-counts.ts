/** What became of the bytes that were to be pushed; each is counted under one name. Bytes, but for `stores`. */
export interface PushCounts {
  /** Messages that the kernel took. */
  stores: number;
  storedBytes: number;
  /** Not in the chunk store: whoever reads them gets them as a miss. */
  absentBytes: number;
  /** Somebody waits for them already, and is answered. */
  busyBytes: number;
  /** The kernel has forgotten the file. */
  unknownBytes: number;
  /** Given up: the queue or the disk's share was full, memory was short, the thread died, the disk went away, the kernel refused. */
  droppedBytes: number;
}

export const noPushes = (): PushCounts => ({
  stores: 0,
  storedBytes: 0,
  absentBytes: 0,
  busyBytes: 0,
  unknownBytes: 0,
  droppedBytes: 0,
});

export function addCounts(to: PushCounts, more: PushCounts): void {
  to.stores += more.stores;
  to.storedBytes += more.storedBytes;
  to.absentBytes += more.absentBytes;
  to.busyBytes += more.busyBytes;
  to.unknownBytes += more.unknownBytes;
  to.droppedBytes += more.droppedBytes;
}
