import { clockGettime } from "./libc.js";

/** CLOCK_REALTIME. include/uapi/linux/time.h */
const realtimeClock = 0;

/** The time since 1970 as the machine's clock has it. Nanoseconds; Date knows milliseconds only. */
export function wallClockNanoseconds(): bigint {
  const time = new BigInt64Array(2); // struct timespec: seconds, nanoseconds
  clockGettime(realtimeClock, new Uint8Array(time.buffer));
  return (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);
}
