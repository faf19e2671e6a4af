import type { OpenDisk } from "../disks/open-disk.js";
import type { Tracer } from "./tracing.js";

/** The same disk, with a step for the first read that had to wait. Hits are nobody's to see: the threads that answer them tell of none. */
export function traceFirstRead(disk: OpenDisk, tracer: Tracer): OpenDisk {
  const inStart = tracer.here();
  let isFirst = true;
  return {
    ...disk,
    read: (offset, length, options) => {
      const read = (): Promise<Uint8Array> => disk.read(offset, length, options);
      if (!isFirst) return read();
      isFirst = false;
      return inStart(() => tracer.step("first read", { offset, length }, read));
    },
  };
}
