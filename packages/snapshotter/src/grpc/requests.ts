import { z } from "zod";
import { SnapshotError } from "../snapshots/snapshot-error.js";

/** containerd's own limit of a key with its value. Bytes. */
const maxLabelBytes = 4096;
/** Keys are namespaces, numbers and names of containers and layers. Bytes. */
const maxNameBytes = 4096;

const name = z.string().max(maxNameBytes);
const key = name.min(1, "must not be empty");
const labels = z
  .record(z.string(), z.string())
  .refine(
    (given) => Object.entries(given).every(([label, value]) => label.length + value.length <= maxLabelBytes),
    `a label with its value is longer than ${maxLabelBytes} bytes`,
  );

type Labels = Readonly<Record<string, string>>;

// What proto-loader hands over, by the messages of snapshots.proto; fields that we do not need are left out.
export const createSchema: z.ZodType<{ readonly key: string; readonly parent: string; readonly labels: Labels }> =
  z.object({ key, parent: name, labels });
export const commitSchema: z.ZodType<{
  readonly key: string;
  readonly name: string;
  readonly labels: Labels;
  readonly parent: string;
}> = z.object({ key, name: key, labels, parent: name });
export const keySchema: z.ZodType<{ readonly key: string }> = z.object({ key });
export const updateSchema: z.ZodType<{
  readonly info: { readonly name: string; readonly labels: Labels };
  readonly update_mask?: { readonly paths: readonly string[] } | null | undefined;
}> = z.object({
  info: z.object({ name: key, labels }),
  update_mask: z.object({ paths: z.array(name) }).nullish(),
});
export const listSchema: z.ZodType<{ readonly filters: readonly string[] }> = z.object({ filters: z.array(name) });

/** @throws {SnapshotError} INVALID_ARGUMENT */
export function parseRequest<T>(schema: z.ZodType<T>, request: unknown): T {
  const { success, data, error } = schema.safeParse(request);
  if (success) return data;
  const faults = error.issues.map((issue) => `${issue.path.join(".") || "request"}: ${issue.message}`);
  throw new SnapshotError("INVALID_ARGUMENT", faults.join("; "));
}
