import { shownPath, TarFieldError, TarInvalidError } from "./errors.js";
import { type PaxRecords, parsePax } from "./pax.js";
import {
  addOldSparseBlock,
  addOldSparseHeader,
  checkedPieces,
  oldSparseSize,
  SparseMapReader,
  type SparsePiece,
} from "./sparse.js";
import { type EntryExtensions, entryHead, fileSize, rawPathOf, type TarEntry } from "./tar-entry.js";
import { decodeTarHeader, isZeroBlock, type TarHeader, tarBlockBytes, upToNul } from "./tar-header.js";

/**
 * Told of everything in a tar, in order; what it is told of adds up to the tar, byte for byte. The bytes it is
 * handed are valid until the next `write`.
 */
export interface TarSink {
  /** Bytes that are no content of a file: headers, padding, the end, and what follows it. */
  literal(bytes: Uint8Array): void;
  /** An entry, once all its headers are read. `storedBytes` of content follow. */
  entry(entry: TarEntry): void;
  /** The next bytes of that content. */
  content(bytes: Uint8Array): void;
  /** All content of the entry is there. Called for entries without any, too. */
  entryEnd(): void;
}

/** The longest PAX header or GNU long name that is held in memory. Bytes. As in Go's archive/tar, which unpacks images elsewhere. */
const maxExtensionBytes = 1024 * 1024;

const noExtensions: EntryExtensions = { pax: [], gnuPath: undefined, gnuLinkPath: undefined };

type State =
  | { readonly at: "header" }
  | { readonly at: "extension"; readonly typeflag: string; readonly sizeBytes: number }
  | { readonly at: "sparse block"; readonly entry: TarEntry; readonly pieces: SparsePiece[] }
  | { readonly at: "sparse map"; readonly entry: TarEntry; readonly map: SparseMapReader; readonly readBytes: number }
  | { readonly at: "content" }
  | { readonly at: "padding" }
  | { readonly at: "end" };

const header: State = { at: "header" };
const content: State = { at: "content" };
const padding: State = { at: "padding" };
const end: State = { at: "end" };

const paddingOf = (sizeBytes: number): number => (tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes;

/**
 * Reads a tar from buffers of any size: v7, ustar, star, GNU and PAX, with the rules of docs/adr/0006-tar-parsing.md.
 * Holds one header and its extensions, never content.
 */
export class TarScanner {
  readonly #sink: TarSink;
  #state: State = header;
  /** Bytes of content or padding still to come. */
  #remainingBytes = 0;
  #paddingBytes = 0;
  /** A block, or an extension, that began in an earlier buffer. */
  #held: Buffer | undefined;
  #heldBytes = 0;
  #extensions: EntryExtensions = noExtensions;
  #zeroBlocks = 0;
  #offsetBytes = 0;
  #headerOffsetBytes = 0;
  /** As the tar names the entry, for errors. */
  #entryPath: Uint8Array | undefined;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** Bytes scanned so far. */
  get offsetBytes(): number {
    return this.#offsetBytes;
  }

  /** @throws {TarInvalidError} */
  write(bytes: Buffer): void {
    try {
      for (let at = 0; at < bytes.length; ) {
        const used = this.#step(bytes, at);
        at += used;
        this.#offsetBytes += used;
      }
    } catch (error) {
      if (!(error instanceof TarFieldError)) throw error;
      throw this.#invalid(error.message, { cause: error });
    }
  }

  /** The tar is over. A missing end mark is no fault, nor is missing padding behind the last file. @throws {TarInvalidError} */
  end(): void {
    const { at } = this.#state;
    const atHeader = at === "header" && this.#heldBytes === 0 && this.#extensions === noExtensions;
    if (atHeader || at === "padding" || at === "end") return;
    const missing =
      at === "content" ? `${this.#remainingBytes} bytes of its content are missing` : "a header is cut off";
    throw this.#invalid(`the tar ends early: ${missing}`);
  }

  #invalid(problem: string, options?: ErrorOptions): TarInvalidError {
    const name = this.#entryPath === undefined ? undefined : shownPath(this.#entryPath);
    return new TarInvalidError(problem, this.#headerOffsetBytes, name, options);
  }

  /** @returns how many of `bytes` from `at` it used */
  #step(bytes: Buffer, at: number): number {
    const state = this.#state;
    switch (state.at) {
      case "header":
        if (this.#heldBytes > 0 || bytes.length - at < tarBlockBytes) {
          return this.#collect(bytes, at, tarBlockBytes, (block) => this.#header(block));
        }
        this.#headerOffsetBytes = this.#offsetBytes;
        this.#header(bytes.subarray(at, at + tarBlockBytes));
        return tarBlockBytes;
      case "extension":
        return this.#collect(bytes, at, state.sizeBytes, (payload) => this.#extension(state.typeflag, payload));
      case "sparse block":
        return this.#collect(bytes, at, tarBlockBytes, (block) => {
          this.#sink.literal(block);
          if (!addOldSparseBlock(block, state.pieces)) this.#begin(withPieces(state.entry, state.pieces, 0));
        });
      case "sparse map":
        return this.#collect(bytes, at, tarBlockBytes, (block) => this.#sparseMap(block, state));
      case "content":
        return this.#content(bytes, at);
      case "padding":
        return this.#padding(bytes, at);
      case "end":
        this.#sink.literal(bytes.subarray(at));
        return bytes.length - at;
    }
  }

  /** Calls `whole` when `wanted` bytes are together. */
  #collect(bytes: Buffer, at: number, wanted: number, whole: (bytes: Buffer) => void): number {
    const available = bytes.length - at;
    if (this.#heldBytes === 0 && this.#state.at === "header") this.#headerOffsetBytes = this.#offsetBytes;
    if (this.#heldBytes === 0 && available >= wanted) {
      whole(bytes.subarray(at, at + wanted));
      return wanted;
    }
    this.#held ??= Buffer.allocUnsafe(wanted);
    const used = Math.min(available, wanted - this.#heldBytes);
    bytes.copy(this.#held, this.#heldBytes, at, at + used);
    this.#heldBytes += used;
    if (this.#heldBytes === wanted) {
      const held = this.#held;
      this.#held = undefined;
      this.#heldBytes = 0;
      whole(held);
    }
    return used;
  }

  #header(block: Buffer): void {
    this.#sink.literal(block);
    if (this.#extensions === noExtensions) this.#entryPath = undefined;
    if (isZeroBlock(block)) {
      if (this.#extensions !== noExtensions) throw new TarFieldError("the tar ends behind an extended header");
      if (++this.#zeroBlocks === 2) this.#state = end;
      return;
    }
    if (this.#zeroBlocks > 0) throw new TarFieldError("one block of zeros in the middle; two end a tar");
    const decoded = decodeTarHeader(block);
    this.#entryPath = Buffer.from(rawPathOf(decoded, this.#extensions)); // outlives the block
    if (isExtension(decoded.typeflag)) this.#beginExtension(decoded);
    else this.#beginEntry(block, decoded);
  }

  #beginExtension({ typeflag, sizeBytes }: TarHeader): void {
    if (sizeBytes < 0 || sizeBytes > maxExtensionBytes) {
      const most = `at most ${maxExtensionBytes} can be: build the layer with fewer or shorter attributes`;
      throw new TarFieldError(`extended header of ${sizeBytes} bytes; ${most}`);
    }
    this.#paddingBytes = paddingOf(sizeBytes);
    if (sizeBytes > 0) this.#state = { at: "extension", typeflag, sizeBytes };
  }

  #extension(typeflag: string, payload: Buffer): void {
    this.#sink.literal(payload);
    if (typeflag === "x") this.#extensions = { ...this.#extensions, pax: ownPax(payload) };
    if (typeflag === "L") this.#extensions = { ...this.#extensions, gnuPath: Buffer.from(upToNul(payload)) };
    if (typeflag === "K") this.#extensions = { ...this.#extensions, gnuLinkPath: Buffer.from(upToNul(payload)) };
    this.#beginPadding();
  }

  #beginEntry(block: Buffer, decoded: TarHeader): void {
    const { entry, sparse } = entryHead(decoded, this.#extensions);
    this.#paddingBytes = paddingOf(entry.storedBytes);
    if (sparse === undefined) this.#begin(entry);
    else if (sparse === "old") this.#beginOldSparse(block, entry);
    else if (sparse.pieces !== "in data") this.#begin(withPieces(entry, sparse.pieces, 0));
    else this.#state = { at: "sparse map", entry, map: new SparseMapReader(), readBytes: 0 };
  }

  #beginOldSparse(block: Buffer, head: TarEntry): void {
    const pieces: SparsePiece[] = [];
    const entry = { ...head, sizeBytes: fileSize(oldSparseSize(block)) };
    if (addOldSparseHeader(block, pieces)) this.#state = { at: "sparse block", entry, pieces };
    else this.#begin(withPieces(entry, pieces, 0));
  }

  #sparseMap(block: Buffer, state: Extract<State, { at: "sparse map" }>): void {
    this.#sink.literal(block);
    const readBytes = state.readBytes + tarBlockBytes;
    if (readBytes > state.entry.storedBytes) throw new TarFieldError("sparse map that is longer than its file");
    const pieces = state.map.add(block);
    if (pieces === undefined) this.#state = { ...state, readBytes };
    else this.#begin(withPieces(state.entry, pieces, readBytes));
  }

  #begin(entry: TarEntry): void {
    this.#extensions = noExtensions;
    this.#sink.entry(entry);
    this.#remainingBytes = entry.storedBytes;
    if (entry.storedBytes > 0) this.#state = content;
    else this.#finish();
  }

  #finish(): void {
    this.#sink.entryEnd();
    this.#beginPadding();
  }

  #beginPadding(): void {
    this.#remainingBytes = this.#paddingBytes;
    this.#state = this.#paddingBytes > 0 ? padding : header;
  }

  #content(bytes: Buffer, at: number): number {
    const used = Math.min(bytes.length - at, this.#remainingBytes);
    this.#sink.content(bytes.subarray(at, at + used));
    this.#remainingBytes -= used;
    if (this.#remainingBytes === 0) this.#finish();
    return used;
  }

  #padding(bytes: Buffer, at: number): number {
    const used = Math.min(bytes.length - at, this.#remainingBytes);
    this.#sink.literal(bytes.subarray(at, at + used));
    this.#remainingBytes -= used;
    if (this.#remainingBytes === 0) this.#state = header;
    return used;
  }
}

/** `g`: PAX records for all entries to come. Unpackers of images ignore them (docs/adr/0006-tar-parsing.md). */
const isExtension = (typeflag: string): boolean => "xgLK".includes(typeflag);

/** Parsed from a copy, because the payload may lie in a buffer that is reused before the entry comes. */
const ownPax = (payload: Buffer): PaxRecords => parsePax(Buffer.from(payload));

function withPieces(entry: TarEntry, pieces: readonly SparsePiece[], mapBytes: number): TarEntry {
  const storedBytes = entry.storedBytes - mapBytes;
  if (storedBytes < 0) throw new TarFieldError("sparse map that is longer than its file");
  return { ...entry, storedBytes, pieces: checkedPieces(pieces, entry.sizeBytes, storedBytes) };
}
