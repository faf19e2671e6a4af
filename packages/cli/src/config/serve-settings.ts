import type { SharedStorage } from "@sluice/server";
import type { Context } from "../context.js";
import { valueAt } from "./config-tree.js";

/** The configuration was checked when it was read: both parts are there, or neither. */
export function sharedStorage(context: Context): SharedStorage | undefined {
  const postgres = textAt(context, ["storage", "postgres"]);
  const bucket = textAt(context, ["storage", "s3", "bucket"]);
  if (postgres === undefined || bucket === undefined) return undefined;
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
