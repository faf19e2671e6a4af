import { describe, expect, it } from "vitest";
import { elfOf } from "../../testing/elf-of.js";
import { imageOf } from "../../testing/image-of.js";
import { predictStartup } from "../predict-startup.js";
import { icuItems } from "./icu-data.js";

/** Common data as ICU lays it out: header, count, offsets, names, items of so many bytes. */
function icuDataOf(items: Readonly<Record<string, number>>): Buffer {
  const headerBytes = 32;
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16LE(headerBytes, 0);
  header.writeUInt16LE(0x27da, 2);
  header.write("CmnD", 12, "latin1");
  const names = Object.keys(items).map((name) => Buffer.from(`icudt72l/${name}\0`, "latin1"));
  const table = Buffer.alloc(4 + names.length * 8);
  table.writeUInt32LE(names.length, 0);
  let nameAt = table.length;
  let itemAt = nameAt + names.reduce((sum, { length }) => sum + length, 0);
  for (const [i, sizeBytes] of Object.values(items).entries()) {
    table.writeUInt32LE(nameAt, 4 + i * 8);
    table.writeUInt32LE(itemAt, 8 + i * 8);
    nameAt += names[i]?.length ?? 0;
    itemAt += sizeBytes;
  }
  return Buffer.concat([header, table, ...names, Buffer.alloc(itemAt - nameAt)]);
}

describe("the items of ICU's data", () => {
  const data = icuDataOf({ "coll/de.res": 100, "lang/pool.res": 50, "zone/fr.res": 7 });

  it("are named without their package, one behind the other", () => {
    const items = icuItems(data, data.length);
    expect(items.map(({ name }) => name)).toEqual(["coll/de.res", "lang/pool.res", "zone/fr.res"]);
    expect(items.map(({ start, end }) => end - start)).toEqual([100, 50, 7]);
    expect(items.at(-1)?.end).toBe(data.length);
  });

  it("are none of what is no such data, is cut short, or counts more of them than there are", () => {
    expect(icuItems(Buffer.alloc(1000), 1000)).toEqual([]);
    for (let length = 0; length < 36 + 3 * 8; length++) expect(icuItems(data.subarray(0, length), length)).toEqual([]);
    const many = Buffer.from(data);
    many.writeUInt32LE(0xffff_ffff, 32);
    expect(icuItems(many, many.length)).toEqual([]);
  });

  it("have offsets of any kind in hostile data, and nothing is thrown", () => {
    const wild = Buffer.from(data);
    wild.fill(0xff, 36, 60);
    expect(icuItems(wild, wild.length)).toHaveLength(3);
  });
});

it("of ICU's data, making a database reads all collations, of a long one the ends, and no other languages", async () => {
  const page = 4096;
  const data = icuDataOf({
    "brkitr/x.brk": 300 * page,
    "coll/de.res": 4 * page,
    "coll/zh.res": 200 * page,
    "lang/de.res": 300 * page,
    "lang/en.res": 2 * page,
    "zone/x.res": 500 * page,
  });
  const symbol = Buffer.alloc(24);
  symbol[4] = 1; // STT_OBJECT
  symbol.writeBigUInt64LE(BigInt(page), 8); // where elfOf puts the first section
  symbol.writeBigUInt64LE(BigInt(data.length), 16);
  const sections = [
    { name: ".rodata", bytes: data },
    { name: ".dynsym", bytes: symbol, type: 11 },
  ];
  const library = "usr/lib/libicudata.so.72";
  const bin = "usr/lib/postgresql/15/bin";
  const image = imageOf(
    {
      [`${bin}/initdb`]: elfOf({}),
      [`${bin}/postgres`]: elfOf({ needed: ["libicudata.so.72"] }),
      [library]: elfOf({ sections }),
      "usr/bin/locale": elfOf({}),
      "usr/lib/locale/C.utf8/LC_CTYPE": "x",
    },
    { Cmd: [`/${bin}/initdb`] },
  );
  const runs = await predictStartup(image);
  const first = 301; // page of the file that the first collation begins on
  const behindStart = image.pagesOf(runs, `/${library}`).filter((at) => at > 64 && at < 1 + data.length / page);
  const pages = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
  expect(behindStart).toEqual([
    ...pages(first, 5 + 4), // items begin within a page
    ...pages(first + 204 - 4, 5),
    ...pages(first + 504, 3),
  ]);
  expect(image.pathsOf(runs)).toEqual(expect.arrayContaining(["/usr/bin/locale", "/usr/lib/locale/C.utf8/LC_CTYPE"]));
});
