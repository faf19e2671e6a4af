import type { FileHandle } from "node:fs/promises";

/** Bytes that wait while others are written; more make the source wait. */
const maxPendingBytes = 1024 * 1024;

/**
 * Writes pieces one behind the other while the next ones come: whatever has gathered during one write goes out with the next, so that
 * small pieces cost few calls and nothing waits for a batch to fill. Pieces must not change once they are given.
 */
export class BatchWriter {
  readonly #file: FileHandle;
  #position: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** Takes a piece; waits when too much is on its way. @throws what an earlier write failed with */
  async add(bytes: Uint8Array): Promise<void> {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.byteLength;
    this.#writing ??= this.#drain();
    if (this.#pendingBytes >= maxPendingBytes) await this.#writing;
    this.#throwFailure();
  }

  /** Resolves when the file has taken everything. @throws what a write failed with */
  async flush(): Promise<void> {
    await this.#writing;
    this.#throwFailure();
  }

  async #drain(): Promise<void> {
    try {
      while (this.#pendingBytes > 0) {
        const batch = this.#pending;
        this.#pending = [];
        this.#pendingBytes = 0;
        await this.#write(batch);
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#writing = undefined;
    }
  }

  async #write(batch: readonly Uint8Array[]): Promise<void> {
    for (let rest = batch; rest.length > 0; ) {
      const { bytesWritten } = await this.#file.writev(rest, this.#position);
      this.#position += bytesWritten;
      rest = behind(rest, bytesWritten);
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** What of the pieces is left behind their first `bytes`. */
function behind(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  for (const [at, piece] of pieces.entries()) {
    if (left < piece.byteLength) return [piece.subarray(left), ...pieces.slice(at + 1)];
    left -= piece.byteLength;
  }
  return [];
}
