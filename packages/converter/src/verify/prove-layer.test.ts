import { randomBytes } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidFormatError, type LayerIndex, type SeekTable } from "@sluice/disk";
import { sha256Of } from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { convertLayer } from "../layer/convert-layer.js";
import { localBlob } from "../layer/local-blob.js";
import { InlineCompressor } from "../testing/inline-compressor.js";
import { InlineScanner } from "../testing/inline-scanner.js";
import { endOfTar, rawFile, rawHeader, rawPax } from "../testing/raw-tar.js";
import type { OpenedBlob } from "./artifact-reader.js";
import { proveLayer } from "./prove-layer.js";

const hello = "#!/bin/sh\necho hello\n";
const sparse = rawPax([
  ["GNU.sparse.major", "0"],
  ["GNU.sparse.minor", "1"],
  ["GNU.sparse.size", "90000"],
  ["GNU.sparse.map", "8192,4,40000,4"],
]);
const tar = Buffer.concat([
  rawHeader({ name: "bin/", typeflag: "5" }),
  rawFile({ name: "bin/sh" }, hello),
  rawFile({ name: "bin/extra" }, randomBytes(5000)),
  rawFile({ name: "bin/copy" }, hello),
  rawFile({ name: "large.bin" }, randomBytes(3_000_000)),
  sparse,
  rawFile({ name: "holes" }, "datamore"),
  rawHeader({ name: "link", typeflag: "2", linkname: "bin/sh" }),
  endOfTar,
]);

let directory: string;
let blob: OpenedBlob;
let index: LayerIndex;
let close: () => Promise<void>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-prove-"));
  const path = join(directory, "blob");
  const handle = await open(path, "w+");
  close = () => handle.close();
  const content = async function* (): AsyncGenerator<Buffer> {
    yield tar;
  };
  const layer = await convertLayer(
    { digest: sha256Of(tar), compression: "none", diffId: sha256Of(tar), content: content() },
    { handle, path },
    { temporaryDirectory: directory, scanner: new InlineScanner(), compressor: new InlineCompressor() },
  );
  index = layer.index;
  blob = { remote: localBlob(handle, layer.sizeBytes), footer: layer.footer, seekTable: layer.seekTable };
});

afterEach(async () => {
  await close();
  await rm(directory, { recursive: true, force: true });
});

const prove = (forgedIndex: LayerIndex = index, seekTable: SeekTable = blob.seekTable) =>
  proveLayer({ ...blob, seekTable }, forgedIndex, { temporaryDirectory: directory, tarBytes: tar.length });

describe("proveLayer", () => {
  it("gives the DiffID of what a conversion wrote: equal files, holes, links and all", async () => {
    expect(await prove()).toBe(sha256Of(tar));
  });

  it.each<[string, (index: LayerIndex) => Partial<LayerIndex>, RegExp]>([
    [
      "has a program's content elsewhere",
      ({ startBlock }) => ({ startBlock: startBlock.with(1, startBlock[2] ?? 0) }),
      /entry 1, "bin\/sh": startBlock/,
    ],
    ["makes a file setuid", ({ mode }) => ({ mode: mode.with(1, 0o4755) }), /entry 1, "bin\/sh": mode 2541/],
    ["gives it to somebody", ({ uid }) => ({ uid: uid.with(1, 1000) }), /"bin\/sh": uid 1000/],
    ["cuts it short", ({ sizeBytes }) => ({ sizeBytes: sizeBytes.with(1, 5) }), /"bin\/sh": sizeBytes 5/],
    [
      "has another time",
      ({ mtimeSeconds }) => ({ mtimeSeconds: mtimeSeconds.with(0, 77) }),
      /entry 0, "bin": mtimeSeconds 77/,
    ],
    ["links elsewhere", ({ target }) => ({ target: { ...target, bytes: Buffer.from("bin/xx") } }), /"link": target/],
    ["lacks an entry", ({ entryCount }) => ({ entryCount: entryCount - 1 }), /number of entries/],
  ])("refuses an index that %s", async (_, forge, message) => {
    const proving = prove({ ...index, ...forge(index) });
    await expect(proving).rejects.toThrow(InvalidFormatError);
    await expect(proving).rejects.toThrow(message);
  });

  it("refuses a blob with a chunk more than the tar gives", async () => {
    const { seekTable } = blob;
    const more: SeekTable = {
      count: seekTable.count + 1,
      offset: Float64Array.of(...seekTable.offset, 0),
      compressedSize: Uint32Array.of(...seekTable.compressedSize, seekTable.compressedSize[0] ?? 0),
      blocks: Uint32Array.of(...seekTable.blocks, seekTable.blocks[0] ?? 0),
      sha256: Uint8Array.of(...seekTable.sha256, ...seekTable.sha256.subarray(0, 32)),
    };
    await expect(prove(index, more)).rejects.toThrow(/seek table.*rows/);
  });

  it("tells of each damaged chunk instead of guessing what it was", async () => {
    const read = blob.remote.read;
    const rotten: OpenedBlob = {
      ...blob,
      remote: {
        ...blob.remote,
        read: async (range, options) => {
          const bytes = Buffer.from(await read(range, options));
          if (range.start === 0) bytes[20] = (bytes[20] ?? 0) ^ 1;
          return bytes;
        },
      },
    };
    const damaged: number[] = [];
    const options = { temporaryDirectory: directory, tarBytes: tar.length };
    expect(await proveLayer(rotten, index, { ...options, onDamage: (row) => void damaged.push(row) })).toBeUndefined();
    expect(damaged).toEqual([0]);
    await expect(proveLayer(rotten, index, options)).rejects.toThrow(/chunk 0/);
  });

  it("stops a recipe that gives more than the artifact says", async () => {
    const proving = proveLayer(blob, index, { temporaryDirectory: directory, tarBytes: tar.length - 1 });
    await expect(proving).rejects.toThrow(/length of the tar/);
  });
});
