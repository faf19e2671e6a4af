import { resolve } from "node:path";
import type { RegistryClient, Repository } from "@sluice/oci";
import { formatReference, parseReference, type Reference, targetOf } from "@sluice/oci/reference";
import type { Command } from "commander";
import type { Context } from "../context.js";

/** The flags of every verb that names images. */
export interface ImageFlags {
  readonly plainHttp?: boolean;
}

/** Adds them to a verb. */
export const withImageFlags = (command: Command): Command =>
  command.option("--plain-http", "speak plain HTTP to registries that are not on this machine, too");

/** An image that a verb works on. */
export interface OpenedImage {
  /** As the user named it, in full. */
  readonly reference: string;
  readonly parsed: Reference;
  readonly repository: Repository;
  /** Tag or digest. */
  readonly target: string;
}

/** Opens images; holds the connections to their registries until it is disposed. */
export class Images implements AsyncDisposable {
  readonly #context: Context;
  readonly #client: RegistryClient;
  readonly #oci: typeof import("@sluice/oci");

  private constructor(context: Context, client: RegistryClient, oci: typeof import("@sluice/oci")) {
    this.#context = context;
    this.#client = client;
    this.#oci = oci;
  }

  static async open(context: Context, flags: ImageFlags): Promise<Images> {
    const oci = await import("@sluice/oci");
    const credentials = oci.dockerConfigCredentials({ environment: { ...context.surroundings.environment } });
    const plainHttp = flags.plainHttp === true ? true : undefined;
    return new Images(context, new oci.RegistryClient({ credentials, plainHttp }), oci);
  }

  /** @throws {InvalidReferenceError} */
  image(text: string): OpenedImage {
    const parsed = parseImageReference(text, this.#context);
    return {
      reference: formatReference(parsed),
      parsed,
      repository: this.#oci.openRepository(parsed, this.#client),
      target: targetOf(parsed),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}

/** With the default registry filled in, and the folder of a layout absolute. @throws {InvalidReferenceError} */
export function parseImageReference(text: string, context: Context): Reference {
  const { defaultRegistry } = context.settings;
  const parsed = parseReference(text, { defaultRegistry });
  if (parsed.kind === "registry") return parsed;
  return { ...parsed, directory: resolve(context.surroundings.workingFolder, parsed.directory) };
}
