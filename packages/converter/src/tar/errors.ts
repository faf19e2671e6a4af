import type { Digest } from "@sluice/oci";

/** The tar of a layer is not one that can be unpacked exactly: damaged, hostile, or of a kind no image unpacker takes. */
export class TarInvalidError extends Error {
  override readonly name = "TarInvalidError";
  readonly code = "TAR_INVALID";
  /** Where in the uncompressed tar the header of the entry starts. Bytes. */
  readonly offsetBytes: number;
  /** Name of the entry as far as it is known, quoted for people. */
  readonly entry: string | undefined;
  constructor(problem: string, offsetBytes: number, entry?: string, options?: ErrorOptions) {
    super(`tar ${entry === undefined ? "" : `entry ${entry} `}at byte ${offsetBytes}: ${problem}`, options);
    this.offsetBytes = offsetBytes;
    this.entry = entry;
  }
}

/** A field of a tar header or of a PAX record that cannot be; the scanner adds the place. */
export class TarFieldError extends Error {
  override readonly name = "TarFieldError";
}

/** A layer that cannot be converted. `layer` is the digest of the layer as pulled; the cause says what is wrong in it. */
export class LayerInvalidError extends Error {
  override readonly name = "LayerInvalidError";
  readonly code = "LAYER_INVALID";
  readonly layer: Digest;
  constructor(layer: Digest, problem: string, options?: ErrorOptions) {
    super(`layer ${layer}: ${problem}`, options);
    this.layer = layer;
  }
}

/** A path as people read it: UTF-8 where it is, quoted, and not longer than 200 characters. */
export function shownPath(path: Uint8Array): string {
  const text = Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString("utf8");
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
