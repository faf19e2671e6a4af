import type { XattrWarning } from "@sluice/disk";

/** Attributes that the disk does not carry, as sentences; the first few and a count. */
export function xattrWarnings(dropped: readonly XattrWarning[]): string[] {
  const shown = dropped
    .slice(0, 10)
    .map(({ path, name, reason }) => `${path}: extended attribute ${name} left out: ${reason}`);
  const more = dropped.length - shown.length;
  return more > 0 ? [...shown, `${more} more extended attributes left out`] : shown;
}
