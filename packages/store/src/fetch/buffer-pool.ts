/** Sizes of buffers, doubling from the first to the last; what is longer gets one of its own. Bytes. */
const smallestBytes = 64 * 1024;
const largestBytes = 1024 * 1024;

/** Memory that is written over again and again, instead of left to the collector, which lets hundreds of MB gather while the network is fast. */
export class BufferPool {
  readonly #maxFreeBytes: number;
  readonly #free: Map<number, Uint8Array[]> = new Map();
  #freeBytes = 0;

  /** @param maxFreeBytes kept for the next taker, at most */
  constructor(maxFreeBytes: number) {
    this.#maxFreeBytes = maxFreeBytes;
  }

  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** A buffer that holds anything, for its one holder. */
  take(lengthBytes: number): PooledBuffer {
    const classBytes = classOf(lengthBytes);
    const free = this.#free.get(classBytes)?.pop();
    if (free !== undefined) this.#freeBytes -= classBytes;
    const whole = free ?? new Uint8Array(Buffer.allocUnsafeSlow(classBytes).buffer);
    return new PooledBuffer(whole, lengthBytes, (buffer) => this.#giveBack(buffer));
  }

  #giveBack(whole: Uint8Array): void {
    const classBytes = whole.byteLength;
    if (classBytes > largestBytes || this.#freeBytes + classBytes > this.#maxFreeBytes) return;
    const free = this.#free.get(classBytes);
    if (free === undefined) this.#free.set(classBytes, [whole]);
    else free.push(whole);
    this.#freeBytes += classBytes;
  }
}

function classOf(lengthBytes: number): number {
  if (lengthBytes > largestBytes) return lengthBytes;
  return Math.max(smallestBytes, 2 ** Math.ceil(Math.log2(lengthBytes)));
}

/** A buffer with holders. When the last has let go, its memory goes to somebody else. */
export class PooledBuffer {
  readonly bytes: Uint8Array;
  readonly #whole: Uint8Array;
  readonly #giveBack: (whole: Uint8Array) => void;
  #holders = 1;

  constructor(whole: Uint8Array, lengthBytes: number, giveBack: (whole: Uint8Array) => void) {
    this.#whole = whole;
    this.bytes = whole.subarray(0, lengthBytes);
    this.#giveBack = giveBack;
  }

  /** One more holder. @throws {RangeError} if the last has let go already */
  hold(): void {
    if (this.#holders === 0) throw new RangeError("buffer pool: the buffer is somebody else's by now");
    this.#holders++;
  }

  /** One holder fewer, who must not look at the bytes any more. @throws {RangeError} if there was none */
  release(): void {
    if (this.#holders === 0) throw new RangeError("buffer pool: released more often than held");
    if (--this.#holders === 0) this.#giveBack(this.#whole);
  }
}
