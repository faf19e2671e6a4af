import type { SharedStorage } from "@sluice/server";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { valueAt } from "./config-tree.js";

/** Undefined: files below the data root. @throws {UsageError} for one part without the other: files and environment are checked one by one */
export function sharedStorage(context: Context): SharedStorage | undefined {
  const postgres = textAt(context, ["storage", "postgres"]);
  const bucket = textAt(context, ["storage", "s3", "bucket"]);
  if (postgres === undefined && bucket === undefined) return undefined;
  if (postgres === undefined || bucket === undefined) {
    const missing = postgres === undefined ? "postgres" : "s3.bucket";
    throw new UsageError(
      `shared storage needs serve.storage.postgres and serve.storage.s3.bucket: set ${missing}, too`,
    );
  }
  const s3 = (key: string): string | undefined => textAt(context, ["storage", "s3", key]);
  const redirects = booleanAt(context, ["storage", "redirects"]);
  return { postgres, redirects, s3: { bucket, prefix: s3("prefix"), endpoint: s3("endpoint"), region: s3("region") } };
}

export function textAt(context: Context, path: readonly string[]): string | undefined {
  const value = valueAt(context.settings.tree, ["serve", ...path]);
  return typeof value === "string" ? value : undefined;
}

export function booleanAt(context: Context, path: readonly string[]): boolean | undefined {
  const value = valueAt(context.settings.tree, ["serve", ...path]);
  return typeof value === "boolean" ? value : undefined;
}

export function numberAt(context: Context, path: readonly string[]): number | undefined {
  const value = valueAt(context.settings.tree, ["serve", ...path]);
  return typeof value === "number" ? value : undefined;
}

export function textsAt(context: Context, path: readonly string[]): readonly string[] | undefined {
  const value = valueAt(context.settings.tree, ["serve", ...path]);
  return Array.isArray(value) ? value.map(String) : undefined;
}
