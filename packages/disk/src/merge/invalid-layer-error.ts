/** A layer that no unpacker could apply to the layers below it. The image is broken; converting it again will not help. */
export class InvalidLayerError extends Error {
  override readonly name = "InvalidLayerError";
  readonly code = "INVALID_LAYER";
  /** Index in the image, 0 at the bottom. */
  readonly layer: number;
  readonly path: string;

  constructor(layer: number, path: Uint8Array, what: string) {
    const shown = `/${Buffer.from(path).toString("utf8")}`;
    super(`layer ${layer}: ${shown}: ${what}`);
    this.layer = layer;
    this.path = shown;
  }
}
