import type { Records } from "../records/records.js";

/** Whether what is deleted can be restored, and for how long. */
export interface SoftDeletePolicy {
  readonly isEnabled: boolean;
  /** 1 to 90. */
  readonly days: number;
}

const [kind, key] = ["setting", "soft-delete"];
const defaultPolicy: SoftDeletePolicy = { isEnabled: false, days: 7 };

export async function softDeletePolicy(records: Records): Promise<SoftDeletePolicy> {
  return (await records.get<SoftDeletePolicy>(kind, key))?.document ?? defaultPolicy;
}

/** Counts for what was deleted before, too. */
export async function setSoftDeletePolicy(records: Records, policy: SoftDeletePolicy): Promise<void> {
  await records.put(kind, key, policy);
}
