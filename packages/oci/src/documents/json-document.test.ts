import { describe, expect, it } from "vitest";
import { parseJson } from "./json-document.js";

const parse = (text: string): unknown => parseJson(Buffer.from(text), "the document");
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

describe("a JSON document from outside", () => {
  it("may be nested as deep as real ones, and is refused before it is parsed when it is deeper", () => {
    expect(parse(nested(100))).toBeInstanceOf(Array);
    for (const text of [nested(101), nested(2_000_000), `{"a":${nested(100)}}`, "[".repeat(101)])
      expect(() => parse(text)).toThrow(/the document: more than 100/);
  });

  it("is as wide as it likes, and says what it likes in its texts", () => {
    expect(parse(`[${"[],".repeat(1000)}[]]`)).toHaveLength(1001);
    const text = { "[": `${"[{".repeat(200)}\\"\\`, "]\\": `"${"[".repeat(200)}` };
    expect(parse(JSON.stringify(text))).toEqual(text);
    expect(() => parse('"[')).toThrow(/not JSON/);
  });
});
