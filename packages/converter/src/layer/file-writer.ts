import { writeError } from "./disk-full.js";
import type { OpenFile } from "./open-file.js";

/** Writes of this size keep system calls few and memory small. Bytes. */
const bufferBytes = 1024 * 1024;
/** Buffers on their way to the disk before `settle` waits. */
const maxWaiting = 2;

/** Sees each buffer, of which `bytes` are used, before it is written: all of it but the last time. There are few, and they are used again. */
type OnFull = (buffer: Buffer, bytes: number) => void;

/**
 * Appends to a file from code that cannot wait: bytes are copied into buffers of 1 MiB, which are written in the background.
 * The caller awaits {@link settle} now and then, which is the brake, and {@link flush} at the end.
 */
export class FileWriter {
  readonly #handle: Pick<OpenFile, "write">;
  readonly #path: string;
  readonly #onFull: OnFull | undefined;
  readonly #free: Buffer[] = [];
  readonly #writes: Promise<void>[] = [];
  #buffer: Buffer = Buffer.allocUnsafe(bufferBytes);
  #used = 0;
  #written = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(handle: Pick<OpenFile, "write">, path: string, onFull?: OnFull) {
    this.#handle = handle;
    this.#path = path;
    this.#onFull = onFull;
  }

  /** Bytes appended so far. */
  get sizeBytes(): number {
    return this.#written + this.#used;
  }

  append(bytes: Uint8Array): void {
    let rest = bytes;
    for (let room = bufferBytes - this.#used; rest.length > room; room = bufferBytes) {
      this.#buffer.set(rest.subarray(0, room), this.#used);
      rest = rest.subarray(room);
      this.#use(room);
    }
    this.#buffer.set(rest, this.#used);
    this.#use(rest.length);
  }

  appendZeros(count: number): void {
    for (let left = count; left > 0; ) {
      const part = Math.min(left, bufferBytes - this.#used);
      this.#buffer.fill(0, this.#used, this.#used + part);
      left -= part;
      this.#use(part);
    }
  }

  /** Waits until few writes are under way. @throws {DiskFullError} */
  async settle(): Promise<void> {
    while (this.#writes.length > maxWaiting) await this.#writes[0];
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits until everything is in the file. @throws {DiskFullError} */
  async flush(): Promise<void> {
    this.#writeBuffer();
    await Promise.all(this.#writes);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #use(bytes: number): void {
    this.#used += bytes;
    if (this.#used === bufferBytes) this.#writeBuffer();
  }

  #writeBuffer(): void {
    if (this.#used === 0) return;
    const full = this.#buffer;
    this.#onFull?.(full, this.#used);
    const position = this.#written;
    this.#written += this.#used;
    const write = this.#writeAll(full.subarray(0, this.#used), position)
      .catch((error: unknown) => {
        this.#failure ??= { error: writeError(error, this.#path) };
      })
      .then(() => {
        this.#free.push(full);
        this.#writes.splice(this.#writes.indexOf(write), 1);
      });
    this.#writes.push(write);
    this.#buffer = this.#free.pop() ?? Buffer.allocUnsafe(bufferBytes);
    this.#used = 0;
  }

  async #writeAll(bytes: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      at += (await this.#handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
    }
  }
}
