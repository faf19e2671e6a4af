import { readFileSync } from "node:fs";

/** MemAvailable as a share of MemTotal, from the text of /proc/meminfo; 1 where it says neither. proc_meminfo(5) */
export function availableShare(meminfo: string): number {
  const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1]);
  const share = kibibytes("MemAvailable") / kibibytes("MemTotal");
  return Number.isNaN(share) ? 1 : share;
}

/** The same of this machine now; 1 where there is no /proc. */
export function availableShareNow(): number {
  try {
    return availableShare(readFileSync("/proc/meminfo", "latin1"));
  } catch {
    return 1;
  }
}
