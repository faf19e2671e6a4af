import type { ChunkIndex } from "./chunk-index.js";
import type { ReaderRegistry } from "./reader-registry.js";
import type { SegmentSet } from "./segment-set.js";
import type { SlotTable } from "./slot-table.js";
import type { StoreHealth } from "./store-health.js";

/** What the parts of one open store share. Segments and index are changed in the store's lane only, one task at a time. */
export interface StoreParts {
  readonly segments: SegmentSet;
  readonly index: ChunkIndex;
  readonly slots: SlotTable;
  readonly readers: ReaderRegistry;
  readonly health: StoreHealth;
  readonly budgetBytes: number;
  /** A segment is sealed when the next record would make it longer. Bytes. */
  readonly segmentBytes: number;
}
