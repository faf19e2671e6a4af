import { TarFieldError } from "./errors.js";
import { type PaxRecords, paxValue } from "./pax.js";
import { decimal, tarNumber } from "./tar-numbers.js";

/** A run of stored bytes of a sparse file; what lies between the pieces are holes. Bytes. */
export interface SparsePiece {
  readonly offset: number;
  readonly length: number;
}

/** Where a sparse map ends by decree, so that no header makes us hold a list without end. */
const maxSparsePieces = 1_000_000;

/** What the PAX headers say of a GNU sparse file; the map of version 1.0 lies in front of the data. */
export interface PaxSparse {
  readonly sizeBytes: number;
  readonly path: Uint8Array | undefined;
  readonly pieces: SparsePiece[] | "in data";
}

/** @throws {TarFieldError} if a record of it is wrong */
export function paxSparse(records: PaxRecords, headerSizeBytes: number): PaxSparse | undefined {
  if (records.length === 0) return undefined;
  const text = (key: string): string => Buffer.from(paxValue(records, key) ?? []).toString("latin1");
  const version = `${text("GNU.sparse.major")}.${text("GNU.sparse.minor")}`;
  const map0 = sparseMap0(records);
  if (version !== "1.0" && version !== "0.0" && version !== "0.1" && !(version === "." && map0 !== undefined)) {
    if (version === ".") return undefined;
    throw new TarFieldError(`GNU sparse format ${JSON.stringify(version.slice(0, 20))} is not known`);
  }
  const size = paxValue(records, "GNU.sparse.size") ?? paxValue(records, "GNU.sparse.realsize");
  const pieces = version === "1.0" ? "in data" : (map0 ?? []);
  return {
    sizeBytes: size === undefined ? headerSizeBytes : decimal(size, "GNU.sparse.size"),
    path: paxValue(records, "GNU.sparse.name"),
    pieces,
  };
}

/** Versions 0.0 (a record per number) and 0.1 (all in one record). */
function sparseMap0(records: PaxRecords): SparsePiece[] | undefined {
  const map = paxValue(records, "GNU.sparse.map");
  if (map !== undefined) {
    const text = Buffer.from(map).toString("latin1");
    return piecesOf(text.split(",").map((number) => decimal(Buffer.from(number), "GNU.sparse.map")));
  }
  const numbers = records.filter(({ key }) => key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes");
  if (numbers.length === 0) return undefined;
  for (const [i, { key }] of numbers.entries()) {
    const wanted = i % 2 === 0 ? "GNU.sparse.offset" : "GNU.sparse.numbytes";
    if (key !== wanted) throw new TarFieldError("GNU sparse map whose numbers do not come in pairs");
  }
  return piecesOf(numbers.map(({ key, value }) => decimal(value, key)));
}

function piecesOf(numbers: readonly number[]): SparsePiece[] {
  if (numbers.length % 2 !== 0) throw new TarFieldError("GNU sparse map whose numbers do not come in pairs");
  if (numbers.length / 2 > maxSparsePieces) throw new TarFieldError(`GNU sparse map of over ${maxSparsePieces} pieces`);
  const pieces: SparsePiece[] = [];
  for (let i = 0; i < numbers.length; i += 2) pieces.push({ offset: numbers[i] ?? 0, length: numbers[i + 1] ?? 0 });
  return pieces;
}

const pairBytes = 24;

/** The real size in a GNU header of type `S`. */
export const oldSparseSize = (header: Uint8Array): number => tarNumber(header, 483, 495, "sparse size");

/** Adds the pairs of an `S` header (4 of them, at 386) to `pieces`. True when a block of more pairs follows. */
export function addOldSparseHeader(header: Uint8Array, pieces: SparsePiece[]): boolean {
  addPairs(header, 386, 4, pieces);
  return header[482] !== 0;
}

/** Likewise for the blocks behind it: 21 pairs each. */
export function addOldSparseBlock(block: Uint8Array, pieces: SparsePiece[]): boolean {
  addPairs(block, 0, 21, pieces);
  return block[504] !== 0;
}

function addPairs(block: Uint8Array, start: number, count: number, pieces: SparsePiece[]): void {
  for (let i = 0; i < count; i++) {
    const at = start + i * pairBytes;
    if (block[at] === 0) return; // unused pairs are blank
    if (pieces.length >= maxSparsePieces) throw new TarFieldError(`GNU sparse map of over ${maxSparsePieces} pieces`);
    pieces.push({
      offset: tarNumber(block, at, at + 12, "sparse offset"),
      length: tarNumber(block, at + 12, at + pairBytes, "sparse length"),
    });
  }
}

/** Reads the map of version 1.0, block by block: decimal numbers, one a line, the first says how many pairs follow. */
export class SparseMapReader {
  #rest = "";
  readonly #numbers: number[] = [];

  /** @returns the pieces once the map is whole; what is left of that block is padding. @throws {TarFieldError} */
  add(block: Buffer): SparsePiece[] | undefined {
    const lines = (this.#rest + block.toString("latin1")).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      this.#numbers.push(decimal(Buffer.from(line, "latin1"), "sparse map"));
      const pairs = this.#numbers[0] ?? 0;
      if (pairs > maxSparsePieces) throw new TarFieldError(`GNU sparse map of over ${maxSparsePieces} pieces`);
      if (this.#numbers.length === 1 + 2 * pairs) return piecesOf(this.#numbers.slice(1));
    }
    if (this.#rest.length > 20) throw new TarFieldError("sparse map: expected decimal numbers, one a line");
    return undefined;
  }
}

/**
 * Checked pieces, empty ones left out.
 *
 * @throws {TarFieldError} if they overlap, do not rise, leave the file, or do not add up to what is stored
 */
export function checkedPieces(pieces: readonly SparsePiece[], sizeBytes: number, storedBytes: number): SparsePiece[] {
  let end = 0;
  let stored = 0;
  for (const { offset, length } of pieces) {
    if (offset < end || length < 0 || offset + length > sizeBytes) {
      throw new TarFieldError("sparse map with pieces that overlap or leave the file");
    }
    end = offset + length;
    stored += length;
  }
  if (stored !== storedBytes) throw new TarFieldError(`sparse map names ${stored} bytes, the tar holds ${storedBytes}`);
  return pieces.filter(({ length }) => length > 0);
}
