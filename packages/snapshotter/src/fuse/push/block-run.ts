/** Blocks of a disk that lie side by side. A `DiskRun` of `@sluice/disk` is one. */
export interface BlockRun {
  readonly startBlock: number;
  readonly blocks: number;
}
