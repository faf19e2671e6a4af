const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `1536` → `1.5 KiB`, as the command line writes it. */
export function bytesText(sizeBytes: number): string {
  let amount = sizeBytes;
  let unit = 0;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`;
}

/** `part` of `whole` in percent, as people read it. */
export const shareText = (part: number, whole: number): string =>
  whole === 0 ? "0 %" : `${((100 * part) / whole).toFixed(part * 10 < whole ? 1 : 0)} %`;

/** How much less the streaming artifact takes than its original, or how much more. */
export function savedText(originalBytes: number, streamingBytes: number): string {
  const savedBytes = originalBytes - streamingBytes;
  const size = `${bytesText(Math.abs(savedBytes))} (${shareText(Math.abs(savedBytes), originalBytes)})`;
  return savedBytes >= 0 ? `${size} less than the original` : `${size} more than the original`;
}

/** A time of RFC 3339 as the reader's place writes it; anything else as it came. */
export function timeText(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(date);
}
