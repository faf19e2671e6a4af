import { constants } from "node:os";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { blockSizeBytes } from "@sluice/disk/blocks";
import { pageAlignedBytes } from "../kernel/page-aligned.js";
import type { Attributes } from "../protocol/attributes.js";
import {
  changingOpcodes,
  maxReadBytes,
  opcode,
  openFlags,
  outHeaderBytes,
  resentBitHigh,
  rootInode,
} from "../protocol/constants.js";
import { direntType, ReplyBuffer, replyBufferBytes } from "../protocol/reply.js";
import { RequestView } from "../protocol/request.js";
import { counterColumn, ThreadCounters, type TimedName } from "./counters.js";
import { receive, send } from "./device.js";
import { type DiskFile, diskFileMode, rootMode } from "./disk-file.js";
import { type DiskChange, DiskFiles } from "./disk-files.js";
import { Hand } from "./hand.js";
import type { WorkerMessage, WorkerStart } from "./messages.js";
import { handleHighOf, OpenHandles } from "./open-handles.js";
import { type ChunkReader, readDisk } from "./read-disk.js";

const { errno } = constants;

/** What an operation came to: bytes of the body that lies in the reply buffer, or a negative errno, or {@link noAnswer}. */
type Outcome = number;
/** Nothing is sent: the protocol wants no answer, or the main thread gives it. */
const noAnswer: Outcome = Number.NEGATIVE_INFINITY;

/** The work of one thread: takes requests from its descriptor and answers them, until the connection is over. */
export class FuseServer {
  readonly #fd: number;
  readonly #reader: ChunkReader;
  readonly #tell: (message: WorkerMessage) => void;
  readonly #changes: MessagePort;
  readonly #epoch: Int32Array;
  readonly #hand: Hand;
  readonly #counters: ThreadCounters;
  readonly #disks: DiskFiles = new DiskFiles();
  readonly #handles: OpenHandles | undefined;
  readonly #request: RequestView = new RequestView();
  /** A chunk that is read to behind the header lies on whole pages. */
  readonly #reply: ReplyBuffer = new ReplyBuffer(pageAlignedBytes(replyBufferBytes, outHeaderBytes));
  #seenEpoch = -1;

  constructor(start: WorkerStart, reader: ChunkReader, tell: (message: WorkerMessage) => void) {
    this.#fd = start.fd;
    this.#reader = reader;
    this.#tell = tell;
    this.#changes = start.changes;
    this.#epoch = new Int32Array(start.epoch);
    this.#hand = new Hand(start.hands, start.thread);
    this.#handles = start.handlesFolder === undefined ? undefined : new OpenHandles(start.handlesFolder);
    this.#counters = new ThreadCounters(start.counters, start.thread);
  }

  /** Blocks this thread until the connection is over. Only a broken device throws; a request that fails is answered with EIO and told. */
  run(): void {
    const request = this.#request;
    while (receive(this.#fd, request)) {
      this.#hand.take(request.uniqueLow, request.uniqueHigh);
      try {
        if ((request.uniqueHigh & resentBitHigh) !== 0) this.#count(counterColumn.resent);
        this.#drainChanges();
        if (request.opcode === opcode.read) this.#serveRead();
        else this.#serveOther();
      } catch (error) {
        this.#count(counterColumn.errors);
        this.#send(-errno.EIO);
        this.#tell({ kind: "failure", what: `request ${request.opcode} on inode ${request.inode}`, error });
      }
      this.#hand.release();
    }
  }

  /** Sends what an operation came to; see {@link Outcome}. @returns whether it reached somebody */
  #send(outcome: Outcome): boolean {
    if (outcome === noAnswer) return false;
    const { uniqueLow, uniqueHigh } = this.#request;
    if (outcome < 0) this.#reply.fail(uniqueLow, uniqueHigh, -outcome);
    else this.#reply.finish(uniqueLow, uniqueHigh, outcome);
    return send(this.#fd, this.#reply);
  }

  /** A worker that waits for requests hears nothing; so it looks, when the main thread has raised the epoch, before it answers. */
  #drainChanges(): void {
    const epoch = Atomics.load(this.#epoch, 0);
    if (epoch === this.#seenEpoch) return;
    for (let got = receiveMessageOnPort(this.#changes); got !== undefined; got = receiveMessageOnPort(this.#changes)) {
      this.#disks.apply(got.message as DiskChange); // nobody else holds the other end of the port
    }
    this.#seenEpoch = epoch;
  }

  #serveRead(): void {
    const started = performance.now();
    const outcome = this.#read();
    this.#send(outcome);
    if (outcome < 0) return;
    this.#counters.addHit(performance.now() - started);
    if (outcome === blockSizeBytes) this.#tellOfPage();
  }

  #serveOther(): void {
    const started = performance.now();
    if (this.#request.opcode === opcode.open) this.#serveOpen();
    else this.#send(this.#outcome());
    this.#counters.times[timedNameOf(this.#request.opcode)].add(performance.now() - started);
  }

  #tellOfPage(): void {
    const { inode, readOffset } = this.#request;
    const block = readOffset / blockSizeBytes;
    if (block < (this.#disks.inode(inode)?.metadataBlocks ?? 0)) this.#tell({ kind: "page", inode, block });
  }

  /** Counted once the kernel has it: an opening that it never learnt of is never closed either, and the disk would stay for ever. */
  #serveOpen(): void {
    const { inode, uniqueLow } = this.#request;
    const high = handleHighOf(this.#request.uniqueHigh);
    const outcome = this.#open(uniqueLow, high);
    if (outcome < 0) {
      this.#send(outcome);
      return;
    }
    const isNew = this.#handles?.add(inode, uniqueLow, high) ?? true;
    if (!this.#send(outcome)) this.#closed(inode, uniqueLow, high, !isNew);
    else if (isNew) this.#tell({ kind: "opens", inode, change: 1 });
  }

  /** @param wasTold whether the main thread counts the opening */
  #closed(inode: number, low: number, high: number, wasTold: boolean): void {
    const wasOpen = this.#handles?.remove(inode, low, high) ?? true;
    if (wasOpen && wasTold) this.#tell({ kind: "opens", inode, change: -1 });
  }

  #outcome(): Outcome {
    switch (this.#request.opcode) {
      case opcode.lookup:
        return this.#lookup();
      case opcode.getattr:
        return this.#getattr();
      case opcode.readdir:
        return this.#readdir();
      case opcode.forget:
      case opcode.batchForget:
        this.#count(counterColumn.forgets); // inodes are never given twice, so there is nothing to remember
        return noAnswer;
      case opcode.interrupt:
        return this.#interrupt();
      default:
        return this.#other();
    }
  }

  #read(): Outcome {
    const request = this.#request;
    const disk = this.#disks.inode(request.inode);
    const offset = request.readOffset;
    const size = request.readSize;
    if (disk === undefined) return -errno.ESTALE;
    if (size > maxReadBytes) return -errno.EINVAL;
    const length = Math.max(0, Math.min(size, disk.sizeBytes - offset));
    this.#count(counterColumn.reads);
    this.#counters.add(counterColumn.readBytes, length);
    if (readDisk(disk, this.#reader, offset, length, this.#reply.bytes, outHeaderBytes)) return length;
    this.#count(counterColumn.misses);
    const { uniqueLow, uniqueHigh, inode, pid } = request;
    this.#tell({ kind: "miss", uniqueLow, uniqueHigh, inode, offset, length, pid });
    return noAnswer;
  }

  #lookup(): Outcome {
    this.#count(counterColumn.lookups);
    const disk = this.#request.inode === rootInode ? this.#disks.named(this.#request.name) : undefined;
    return disk === undefined ? -errno.ENOENT : this.#reply.entry(attributesOf(disk));
  }

  #getattr(): Outcome {
    this.#count(counterColumn.getattrs);
    const { inode } = this.#request;
    if (inode === rootInode) return this.#reply.attributes(rootAttributes);
    const disk = this.#disks.inode(inode);
    return disk === undefined ? -errno.ESTALE : this.#reply.attributes(attributesOf(disk));
  }

  #open(handleLow: number, handleHigh: number): Outcome {
    this.#count(counterColumn.opens);
    const { inode } = this.#request;
    if (this.#disks.inode(inode) === undefined) return -errno.ESTALE;
    return this.#reply.opened(openFlags.keepCache, handleLow, handleHigh);
  }

  /** The cursor behind an entry is its inode: entries may come and go between two calls, and none is seen twice. `.` has 1 and `..` 2. */
  #readdir(): Outcome {
    this.#count(counterColumn.readdirs);
    const cursor = this.#request.readOffset;
    const limit = Math.min(this.#request.readSize, maxReadBytes);
    let bodyBytes = 0;
    const add = (inode: number, next: number, type: number, name: string): boolean => {
      if (next <= cursor) return true;
      const before = bodyBytes;
      bodyBytes = this.#reply.dirent(before, limit, inode, next, type, name);
      return bodyBytes > before;
    };
    let fits = add(rootInode, 1, direntType.directory, ".") && add(rootInode, 2, direntType.directory, "..");
    for (const disk of this.#disks.values()) fits = fits && add(disk.inode, disk.inode, direntType.file, disk.name);
    return bodyBytes;
  }

  /** The main thread knows what waits. */
  #interrupt(): Outcome {
    this.#count(counterColumn.interrupts);
    const { interruptedLow, interruptedHigh } = this.#request;
    this.#tell({ kind: "interrupt", uniqueLow: interruptedLow, uniqueHigh: interruptedHigh });
    return noAnswer;
  }

  #other(): Outcome {
    this.#count(counterColumn.others);
    switch (this.#request.opcode) {
      case opcode.opendir:
        return this.#reply.opened(0);
      case opcode.release:
        this.#closed(this.#request.inode, this.#request.handleLow, this.#request.handleHigh, true);
        return 0;
      case opcode.releasedir:
      case opcode.flush:
      case opcode.destroy:
        return 0;
      case opcode.statfs:
        return this.#reply.statfs(this.#blocksOfAll(), this.#disks.count);
      default:
        return changingOpcodes.has(this.#request.opcode) ? -errno.EROFS : -errno.ENOSYS;
    }
  }

  #blocksOfAll(): number {
    let blocks = 0;
    for (const disk of this.#disks.values()) blocks += disk.sizeBytes / blockSizeBytes;
    return blocks;
  }

  #count(column: number): void {
    this.#counters.add(column, 1);
  }
}

function timedNameOf(of: number): TimedName {
  switch (of) {
    case opcode.lookup:
      return "lookup";
    case opcode.getattr:
      return "getattr";
    case opcode.open:
      return "open";
    case opcode.readdir:
      return "readdir";
    default:
      return "other";
  }
}

const rootAttributes: Attributes = { inode: rootInode, sizeBytes: 4096, mode: rootMode };

const attributesOf = (disk: DiskFile): Attributes => ({
  inode: disk.inode,
  sizeBytes: disk.sizeBytes,
  mode: diskFileMode,
});
