import { parseReference, targetOf } from "@sluice/oci/reference";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { registryHost } from "./registry-api.js";

/** An image of the registry that a verb manages. */
export interface SelectedImage {
  /** Manages the registry that the image names. */
  readonly context: Context;
  /** `HOST/REPO:TAG` or `HOST/REPO@DIGEST` */
  readonly name: string;
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
}

/** `[HOST/]REPO[:TAG][@DIGEST]`: a host in it counts more than `--registry`. @throws {InvalidReferenceError} {UsageError} */
export function selectedImage(context: Context, text: string): SelectedImage {
  const parsed = parseReference(text, { defaultRegistry: registryHost(context) });
  if (parsed.kind !== "registry") throw new UsageError(`${text}: expected REPO:TAG, of a registry`);
  const { host, repository } = parsed;
  const reference = targetOf(parsed);
  return {
    context: { ...context, settings: { ...context.settings, defaultRegistry: host } },
    name: `${host}/${repository}${reference.includes(":") ? "@" : ":"}${reference}`,
    repository,
    reference,
  };
}

/** `[HOST/]REPO`. @throws {InvalidReferenceError} {UsageError} */
export function selectedRepository(context: Context, text: string): Pick<SelectedImage, "context" | "repository"> {
  const parsed = parseReference(text, { defaultRegistry: registryHost(context) });
  if (parsed.kind !== "registry" || parsed.tag !== undefined || parsed.digest !== undefined) {
    throw new UsageError(`${text}: expected the name of a repository, without a tag`);
  }
  const { host, repository } = parsed;
  return { context: { ...context, settings: { ...context.settings, defaultRegistry: host } }, repository };
}
