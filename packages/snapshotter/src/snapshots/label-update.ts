import { SnapshotError } from "./snapshot-error.js";
import type { SnapshotRecord } from "./snapshot-record.js";

/** @param fields paths of a field mask; none means all that may be changed, which are the labels */
export function updatedLabels(
  before: SnapshotRecord,
  given: Readonly<Record<string, string>>,
  fields: readonly string[],
): Record<string, string> {
  let labels: Record<string, string> = fields.length === 0 ? { ...given } : { ...before.labels };
  for (const field of fields) {
    if (field === "labels") labels = { ...given };
    else if (field.startsWith("labels.")) {
      const name = field.slice("labels.".length);
      labels[name] = given[name] ?? "";
    } else {
      throw new SnapshotError("INVALID_ARGUMENT", `cannot update ${field} of snapshot ${JSON.stringify(before.name)}`);
    }
  }
  return labels;
}
