import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLoaderCache } from "./loader-cache.js";

/** A cache with these libraries: flags, name, path. */
function cacheOf(libraries: readonly (readonly [flags: number, name: string, path: string])[]): Buffer {
  const strings: string[] = [];
  let at = 48 + libraries.length * 24;
  const string = (text: string): number => {
    const start = at;
    strings.push(`${text}\0`);
    at += text.length + 1;
    return start;
  };
  const head = Buffer.alloc(48 + libraries.length * 24);
  head.write("glibc-ld.so.cache1.1", "latin1");
  head.writeUInt32LE(libraries.length, 20);
  libraries.forEach(([flags, name, path], i) => {
    head.writeUInt32LE(flags, 48 + i * 24);
    head.writeUInt32LE(string(name), 52 + i * 24);
    head.writeUInt32LE(string(path), 56 + i * 24);
  });
  return Buffer.concat([head, Buffer.from(strings.join(""))]);
}

describe("parseLoaderCache", () => {
  it("gives the first path of each library of x86-64", () => {
    const cache = cacheOf([
      [0x0303, "liba.so", "/lib/liba.so"],
      [0x0303, "liba.so", "/other/liba.so"],
      [0x0003, "libold.so", "/lib32/libold.so"],
    ]);
    expect([...parseLoaderCache(cache)]).toEqual([["liba.so", "/lib/liba.so"]]);
  });

  it("finds its table behind one of an older format", () => {
    const cache = Buffer.concat([Buffer.from("ld.so-1.7.0\0padding"), cacheOf([[0x0303, "liba.so", "/lib/liba.so"]])]);
    expect(parseLoaderCache(cache).get("liba.so")).toBe("/lib/liba.so");
  });

  it("gives nothing, and never throws, for anything else", () => {
    expect(parseLoaderCache(Buffer.alloc(0)).size).toBe(0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        parseLoaderCache(Buffer.concat([Buffer.from("glibc-ld.so.cache1.1"), bytes]));
      }),
    );
  });
});
