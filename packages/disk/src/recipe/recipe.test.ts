import { createHash } from "node:crypto";
import { DigestMismatchError, sha256Of } from "@sluice/oci/content";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockSizeBytes, blocksOf } from "../blocks.js";
import { ZstdEncoder } from "../frames/zstd-stream.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { collect, sampleBytes } from "../testing/samples.js";
import { encodeHead } from "./encode-instruction.js";
import { encodeRecipe } from "./encode-recipe.js";
import type { RecipeInstruction, SpooledInstruction } from "./instruction.js";
import { readRecipe } from "./read-recipe.js";
import { type ReadData, type RebuildOptions, rebuildTar } from "./rebuild-tar.js";
import { RecipeSpool } from "./recipe-spool.js";

/** A piece of a tar: bytes of its own, a whole file, part of one (as in a sparse file), or zeros. */
type Piece =
  | { readonly kind: "literal"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly file: number; readonly offset: number; readonly sizeBytes: number }
  | { readonly kind: "zeros"; readonly sizeBytes: number };

const files = [sampleBytes(10, 1), sampleBytes(5000, 2), sampleBytes(70_000, 3)];
/** Not in tar order: file 2, file 0, file 1. */
const startBlocks = Uint32Array.of(18, 19, 0);
const dataBlocks = 21;
const data = new Uint8Array(dataBlocks * blockSizeBytes);
for (const [i, file] of files.entries()) data.set(file, (startBlocks[i] ?? 0) * blockSizeBytes);

const bytesOf = (piece: Piece): Uint8Array => {
  if (piece.kind === "literal") return piece.bytes;
  if (piece.kind === "zeros") return new Uint8Array(piece.sizeBytes);
  return (files[piece.file] ?? new Uint8Array(0)).subarray(piece.offset, piece.offset + piece.sizeBytes);
};

const tarOf = (pieces: readonly Piece[]): Uint8Array => Buffer.concat(pieces.map(bytesOf));

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

function compressed(...parts: Uint8Array[]): Uint8Array {
  const encoder = new ZstdEncoder();
  return Buffer.concat([...parts.flatMap((part) => encoder.push(part)), ...encoder.end()]);
}

const encoded = (instructions: readonly SpooledInstruction[]): Uint8Array =>
  compressed(
    ...instructions.flatMap((each) => (each.kind === "literal" ? [encodeHead(each), each.bytes] : [encodeHead(each)])),
  );

/** @param splitBytes how many bytes the caller hands over at once */
async function recipeOf(pieces: readonly Piece[], splitBytes = 1e9): Promise<Uint8Array> {
  const spooled: Uint8Array[] = [];
  const spool = new RecipeSpool((piece) => void spooled.push(piece.slice()));
  for (const piece of pieces) {
    const size = bytesOf(piece).length;
    for (let at = 0; at < size; at += splitBytes) {
      const count = Math.min(splitBytes, size - at);
      if (piece.kind === "literal") spool.literal(piece.bytes.subarray(at, at + count));
      else if (piece.kind === "zeros") spool.zeros(count);
      else spool.file(piece.file, piece.offset + at, count);
    }
  }
  spool.finish(createHash("sha256").update(tarOf(pieces)).digest());
  return collect(encodeRecipe(inPieces(spooled, 1000), startBlocks));
}

/** As a file gives it back: in pieces that end anywhere. */
function* inPieces(parts: readonly Uint8Array[], pieceBytes: number): Generator<Uint8Array> {
  const bytes = Buffer.concat(parts);
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

const readData: ReadData = async function* ({ start, end }) {
  for (let at = start; at < end; at += 3000) yield data.subarray(at, Math.min(end, at + 3000));
};

const rebuilt = (recipe: Uint8Array, options?: RebuildOptions): Promise<Uint8Array> =>
  collect(rebuildTar(readRecipe([recipe], dataBlocks), readData, options));

const pieceArbitrary: fc.Arbitrary<Piece> = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 2000 }).map((bytes) => ({ kind: "literal", bytes }) as const),
  fc.integer({ min: 1, max: 100_000 }).map((sizeBytes) => ({ kind: "zeros", sizeBytes }) as const),
  fc.nat(2).chain((file) =>
    fc.nat((files[file]?.length ?? 1) - 1).map((offset) => {
      const sizeBytes = (files[file]?.length ?? 1) - offset;
      return { kind: "file", file, offset, sizeBytes } as const;
    }),
  ),
);
const tarArbitrary = fc.array(pieceArbitrary, { maxLength: 12 });

describe("a recipe", () => {
  it("gives back the tar byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(tarArbitrary, async (pieces) => {
        expect(Buffer.compare(await rebuilt(await recipeOf(pieces)), tarOf(pieces))).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it("is the same however the tar was split when it was written", async () => {
    await fc.assert(
      fc.asyncProperty(tarArbitrary, fc.integer({ min: 50, max: 9000 }), async (pieces, splitBytes) => {
        expect(await recipeOf(pieces, splitBytes)).toEqual(await recipeOf(pieces));
      }),
      { numRuns: 30 },
    );
  });

  it("joins long literals, which come back piece by piece", async () => {
    const bytes = sampleBytes(1_000_000, 5);
    expect(Buffer.compare(await rebuilt(await recipeOf([{ kind: "literal", bytes }], 333)), bytes)).toBe(0);
  });

  it("names the place in the data space where each file went", async () => {
    const pieces: Piece[] = [{ kind: "file", file: 1, offset: 0, sizeBytes: 5000 }];
    const found: RecipeInstruction[] = [];
    for await (const instruction of readRecipe([await recipeOf(pieces)], dataBlocks)) found.push(instruction);
    expect(found[0]).toEqual({ kind: "file", offset: 19 * blockSizeBytes, sizeBytes: 5000 });
    expect(found[1]).toMatchObject({ kind: "end", tarBytes: 5000 });
  });

  it("cannot be finished when a file has no place", async () => {
    const spooled: Uint8Array[] = [];
    const spool = new RecipeSpool((piece) => void spooled.push(piece.slice()));
    spool.file(3, 0, 1);
    spool.finish(new Uint8Array(32));
    await expect(collect(encodeRecipe(spooled, startBlocks))).rejects.toThrow(/file 3: 3 start blocks given/);
  });

  it("comes out right when its instructions lie across the pieces of the spool", async () => {
    const pieces = Array.from({ length: 300 }, (_, i): Piece[] => [
      { kind: "literal", bytes: sampleBytes(1 + ((i * 7919) % 3000), i) },
      { kind: "file", file: i % 3, offset: i % 7, sizeBytes: 3 },
    ]).flat();
    const recipe = await recipeOf(pieces);
    expect(Buffer.compare(await rebuilt(recipe), tarOf(pieces))).toBe(0);
    const instructions: SpooledInstruction[] = pieces.map((piece) =>
      piece.kind === "file"
        ? { ...piece, offset: (startBlocks[piece.file] ?? 0) * blockSizeBytes + piece.offset }
        : piece,
    );
    instructions.push({ kind: "end", tarBytes: tarOf(pieces).length, sha256: sha256(tarOf(pieces)) });
    expect(Buffer.compare(recipe, encoded(instructions))).toBe(0);
  });

  it("cannot be finished from a spool that is cut off, or that has more behind its end", async () => {
    const end = encodeHead({ kind: "end", tarBytes: 0, sha256: new Uint8Array(32) });
    for (const spool of [[], [end.subarray(0, 5)], [end, end], [Uint8Array.of(9)]]) {
      await expect(collect(encodeRecipe(spool, startBlocks))).rejects.toThrow(InvalidFormatError);
    }
  });

  it("can be of an empty tar", async () => expect((await rebuilt(await recipeOf([]))).length).toBe(0));
});

describe("rebuilding", () => {
  const pieces: Piece[] = [
    { kind: "literal", bytes: sampleBytes(512, 4) },
    { kind: "file", file: 1, offset: 0, sizeBytes: 5000 },
    { kind: "zeros", sizeBytes: 1144 },
  ];
  const tar = tarOf(pieces);

  it("accepts the length and the DiffID that are known from elsewhere", async () => {
    const recipe = await recipeOf(pieces);
    expect((await rebuilt(recipe, { tarBytes: tar.length, diffId: sha256Of(tar) })).length).toBe(tar.length);
  });

  it("refuses another DiffID", async () => {
    const options = { diffId: sha256Of("another") };
    await expect(rebuilt(await recipeOf(pieces), options)).rejects.toThrow(/the image's DiffID/);
  });

  it("stops a tar that is longer than it must be, and refuses a shorter one", async () => {
    const recipe = await recipeOf(pieces);
    await expect(rebuilt(recipe, { tarBytes: 100 })).rejects.toThrow(/length of the tar: expected 100 bytes/);
    await expect(rebuilt(recipe, { tarBytes: tar.length + 1 })).rejects.toThrow(InvalidFormatError);
  });

  it("refuses data that is not what was converted", async () => {
    const recipe = readRecipe([await recipeOf(pieces)], dataBlocks);
    const wrong: ReadData = async function* ({ start, end }) {
      yield new Uint8Array(end - start);
    };
    await expect(collect(rebuildTar(recipe, wrong))).rejects.toThrow(DigestMismatchError);
  });

  it("refuses a source that gives too little or too much", async () => {
    for (const difference of [-1, 1]) {
      const recipe = readRecipe([await recipeOf(pieces)], dataBlocks);
      const source: ReadData = async function* ({ start, end }) {
        yield new Uint8Array(end - start + difference);
      };
      await expect(collect(rebuildTar(recipe, source))).rejects.toThrow(/5000 bytes wanted/);
    }
  });

  it("rejects with the caller's reason, in the middle of zeros too", async () => {
    const stop = new AbortController();
    const recipe = readRecipe([await recipeOf([{ kind: "zeros", sizeBytes: 1e7 }])], dataBlocks);
    const tarBytes = rebuildTar(recipe, readData, { signal: stop.signal });
    await tarBytes.next();
    stop.abort(new Error("enough"));
    await expect(tarBytes.next()).rejects.toThrow("enough");
  });
});

describe("a recipe is refused", () => {
  const end = (tarBytes: number): SpooledInstruction => ({ kind: "end", tarBytes, sha256: new Uint8Array(32) });
  const read = async (...bytes: readonly Uint8Array[]): Promise<number> => {
    const encoder = new ZstdEncoder();
    const payload = [...encoder.push(Buffer.concat(bytes)), ...encoder.end()];
    let count = 0;
    for await (const { kind } of readRecipe(payload, dataBlocks)) count += kind === "end" ? 1 : 0;
    return count;
  };

  it.each<[string, readonly Uint8Array[], RegExp]>([
    ["without an end", [encodeHead({ kind: "zeros", sizeBytes: 5 })], /byte 9: expected 1 more bytes, found the end/],
    ["that goes on after its end", [encodeHead(end(0)), Uint8Array.of(0)], /nothing after the end/],
    ["with an unknown opcode", [Uint8Array.of(9)], /byte 0: expected an opcode from 0 to 3, found 9/],
    [
      "with the opcode of a spool",
      [encodeHead({ kind: "numberedFile", file: 0, offset: 0, sizeBytes: 1 })],
      /opcode from 0 to 3/,
    ],
    ["cut in an instruction", [encodeHead(end(0)).subarray(0, 20)], /the end/],
    ["cut in a literal", [encodeHead({ kind: "literal", bytes: new Uint8Array(9) }), Uint8Array.of(1)], /the end/],
    ["with an empty literal", [encodeHead({ kind: "literal", bytes: new Uint8Array(0) })], /a length of at least 1/],
    ["with no zeros", [encodeHead({ kind: "zeros", sizeBytes: 0 }), encodeHead(end(0))], /a length of at least 1/],
    ["whose length is not its sum", [encodeHead(end(1))], /end: expected a tar of 0 bytes, found 1/],
    [
      "with a file behind the data space",
      [encodeHead({ kind: "file", offset: dataBlocks * 4096, sizeBytes: 1 })],
      /content that ends by byte/,
    ],
    [
      "longer than any tar",
      [2, 2].map(() => encodeHead({ kind: "zeros", sizeBytes: 2 ** 53 - 1 })),
      /under 2\^53 bytes/,
    ],
  ])("%s", async (_, bytes, message) => {
    await expect(read(...bytes)).rejects.toThrow(message);
    await expect(read(...bytes)).rejects.toThrow(InvalidFormatError);
  });

  it("unless it is one", async () => expect(await read(encodeHead(end(0)))).toBe(1));
});

describe("blocksOf", () => {
  it("counts the files of this test as the data space has them", () => {
    expect(files.reduce((sum, { length }) => sum + blocksOf(length), 0)).toBe(dataBlocks);
  });
});
