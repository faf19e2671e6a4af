/** Blocks of an image's disk that follow one another, as a startup set names them. A block has 4096 bytes. */
export interface DiskRun {
  readonly startBlock: number;
  /** At least 1. */
  readonly blocks: number;
}
