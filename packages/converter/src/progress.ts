import type { Descriptor, Digest } from "@sluice/oci";
import type { BlobSource } from "./publish/push-blobs.js";

/** What a conversion tells while it runs. `fraction` rises from 0 to 1. */
export type ConversionProgress =
  | { readonly kind: "resolved"; readonly image: Digest; readonly layers: number; readonly fraction: number }
  | { readonly kind: "layer"; readonly layer: Digest; readonly reused: boolean; readonly fraction: number }
  | { readonly kind: "reading"; readonly bytes: number; readonly totalBytes: number; readonly fraction: number }
  | { readonly kind: "merging"; readonly fraction: number }
  | { readonly kind: "pushed"; readonly blob: Digest; readonly sizeBytes: number; readonly fraction: number };

export type OnProgress = (progress: ConversionProgress) => void;

/** Shares of the whole, by what a conversion on one machine takes. */
const layersShare = 0.9;
/** Told at most this often while a layer is read. Bytes. */
const stepBytes = 4 * 1024 * 1024;

/** Turns what happens into {@link ConversionProgress}. */
export class ProgressMeter {
  readonly #onProgress: OnProgress;
  #totalBytes = 0;
  #doneBytes = 0;
  #toldBytes = 0;

  constructor(onProgress: OnProgress = () => undefined) {
    this.#onProgress = onProgress;
  }

  resolved(image: Digest, layers: readonly Descriptor[]): void {
    const distinct = new Map(layers.map((layer) => [layer.digest, layer.size]));
    for (const size of distinct.values()) this.#totalBytes += size;
    this.#onProgress({ kind: "resolved", image, layers: distinct.size, fraction: 0 });
  }

  /** The same pieces, counted. */
  async *counted(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of content) {
      this.#doneBytes += piece.byteLength;
      if (this.#doneBytes - this.#toldBytes >= stepBytes) this.#read();
      yield piece;
    }
  }

  layerDone(layer: Descriptor, reused: boolean): void {
    if (reused) this.#doneBytes += layer.size;
    this.#onProgress({ kind: "layer", layer: layer.digest, reused, fraction: this.#layersFraction() });
  }

  merging(): void {
    this.#onProgress({ kind: "merging", fraction: layersShare });
  }

  /** @returns what to call for each of the blobs when it is in its place */
  pushing(blobs: readonly BlobSource[]): (blob: BlobSource) => void {
    const count = new Set(blobs.map(({ digest }) => digest)).size;
    let pushed = 0;
    return ({ digest, sizeBytes }) => {
      pushed++;
      const fraction = layersShare + ((1 - layersShare) * pushed) / count;
      this.#onProgress({ kind: "pushed", blob: digest, sizeBytes, fraction });
    };
  }

  #read(): void {
    this.#toldBytes = this.#doneBytes;
    const fraction = this.#layersFraction();
    this.#onProgress({ kind: "reading", bytes: this.#doneBytes, totalBytes: this.#totalBytes, fraction });
  }

  /** The quotient first: it is exactly 1 at the end, so that the fraction never passes the share. */
  #layersFraction(): number {
    return this.#totalBytes === 0 ? layersShare : layersShare * Math.min(1, this.#doneBytes / this.#totalBytes);
  }
}
