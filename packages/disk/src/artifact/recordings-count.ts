import { annotation } from "./artifact.js";

/** How many starts annotations tell of: 0 when they tell of none, undefined when the value is no count. */
export function recordingsCount(annotations: Readonly<Record<string, string>> = {}): number | undefined {
  const text = annotations[annotation.startupRecordings] ?? "0";
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}
