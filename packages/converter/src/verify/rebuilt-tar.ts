import {
  InvalidFormatError,
  type RemoteBlob,
  readFooter,
  readRecipe,
  readSection,
  readSeekTable,
  rebuildTar,
} from "@sluice/disk";
import type { Digest } from "@sluice/oci";
import { type SpoolDataOptions, spoolData } from "./spooled-data.js";

export interface RebuiltTarOptions extends SpoolDataOptions {
  /** The DiffID of the image's config. */
  readonly diffId?: Digest | undefined;
}

/**
 * The tar of a layer, rebuilt from nothing but its blob. Pieces are valid until the next one. The hash is compared behind the last one.
 *
 * @throws {InvalidFormatError} {DigestMismatchError} saying what of the blob is wrong
 */
export async function* rebuiltTar(
  blob: RemoteBlob,
  footerDigest: Digest | undefined,
  options: RebuiltTarOptions,
): AsyncGenerator<Uint8Array> {
  const footer = await readFooter(blob, footerDigest, options);
  if (footer.recipe === undefined) throw new InvalidFormatError("footer", "recipe", "one, as in every layer", "none");
  const table = await readSeekTable(blob, footer, options);
  await using data = await spoolData(blob, table, options);
  const recipe = readRecipe(readSection(blob, footer.recipe, "recipe", options), footer.dataBlocks);
  yield* rebuildTar(recipe, data.read, options);
}
