import { describe, expect, it } from "vitest";
import { packageRanges, parseJimageHeader } from "./jimage.js";

/** A `modules` file with these resources: module, package, length. Kinds and lengths of attributes as OpenJDK packs them. */
function jimageOf(resources: readonly (readonly [module: string, parent: string, bytes: number])[]): Buffer {
  let strings = "\0";
  const string = (text: string): number => {
    const known = strings.indexOf(`\0${text}\0`);
    if (known !== -1) return known + 1;
    strings += `${text}\0`;
    return strings.length - text.length - 1;
  };
  const attribute = (kind: number, value: number): number[] => [(kind << 3) | 1, value >> 8, value & 255];
  const locations: number[] = [0];
  const offsets: number[] = [];
  let content = 0;
  for (const [module, parent, bytes] of resources) {
    offsets.push(locations.length);
    const values = [
      attribute(1, string(module)),
      attribute(2, string(parent)),
      attribute(5, content),
      attribute(7, bytes),
    ];
    locations.push(...values.flat(), 0);
    content += bytes;
  }
  const head = Buffer.alloc(28 + offsets.length * 8);
  head.writeUInt32LE(0xcafedada);
  head.writeUInt32LE(offsets.length, 16);
  head.writeUInt32LE(locations.length, 20);
  head.writeUInt32LE(strings.length, 24);
  offsets.forEach((offset, i) => {
    head.writeUInt32LE(offset, 28 + offsets.length * 4 + i * 4);
  });
  return Buffer.concat([head, Buffer.from(locations), Buffer.from(strings, "latin1"), Buffer.alloc(content)]);
}

describe("the class library of a JDK", () => {
  it("shows where the classes of packages lie", () => {
    const file = jimageOf([
      ["java.base", "java/util", 100],
      ["java.base", "java/util/zip", 10],
      ["java.xml", "java/util", 20],
      ["java.base", "java/util", 30],
    ]);
    const header = parseJimageHeader(file);
    if (header === undefined) throw new Error("no header");
    const ranges = packageRanges(header, file, new Set(["java.base/java/util"]));
    const at = header.indexBytes;
    expect(ranges).toEqual([
      { start: at, end: at + 100 },
      { start: at + 130, end: at + 160 },
    ]);
  });

  it("is not what has another magic number, or claims a table of millions", () => {
    expect(parseJimageHeader(Buffer.alloc(28))).toBeUndefined();
    const header = jimageOf([]);
    header.writeUInt32LE(2 ** 31, 16);
    expect(parseJimageHeader(header)).toBeUndefined();
  });
});
