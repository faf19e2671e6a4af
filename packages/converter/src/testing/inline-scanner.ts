import type { AbortOptions } from "@sluice/oci";
import type { LayerScan, LayerScanner, ScanJob } from "../layer/layer-scanner.js";
import { scanLayer, writeRecipe } from "../layer/scan-layer.js";

/** Scans in this thread. */
export class InlineScanner implements LayerScanner {
  get maxScans(): number {
    return 1;
  }

  async scan(job: ScanJob, content: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<LayerScan> {
    const { startBlock, ...tar } = await scanLayer(job, content, options);
    const recipe = writeRecipe(job, startBlock);
    recipe.catch(() => undefined); // awaited when the frames are written
    return { ...tar, recipe };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // nothing was started
  }
}
