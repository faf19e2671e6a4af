import type { MergedTree } from "@sluice/disk";

/** Attributes that the disk does not carry, as sentences; the first few and a count. */
export function xattrWarnings({ warnings, droppedXattrs }: Pick<MergedTree, "warnings" | "droppedXattrs">): string[] {
  const shown = warnings.map(({ path, name, reason }) => `${path}: extended attribute ${name} left out: ${reason}`);
  const more = droppedXattrs - shown.length;
  return more > 0 ? [...shown, `${more} more extended attributes left out`] : shown;
}
