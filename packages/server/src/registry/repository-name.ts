import { isRepositoryName } from "@sluice/oci";
import { RegistryError } from "./registry-error.js";

declare const repositoryNameBrand: unique symbol;

/** A repository's name, such as `team/app`. Made only by {@link parseRepositoryName}; never a path. */
export type RepositoryName = string & { readonly [repositoryNameBrand]: true };

/** @throws {RegistryError} NAME_INVALID */
export function parseRepositoryName(text: string): RepositoryName {
  if (!isRepositoryName(text)) {
    throw new RegistryError("NAME_INVALID", `invalid repository name ${JSON.stringify(text.slice(0, 300))}`, {
      grammar: "lower-case letters and digits, joined by . _ __ - and /",
      longest: 255,
    });
  }
  return text as RepositoryName; // the only cast
}
