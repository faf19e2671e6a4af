import { describe, expect, it } from "vitest";
import { readBounded } from "../bytes/bounded-read.js";
import { sha256Of } from "./digest.js";
import { verifyStream } from "./verify-stream.js";

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
const read = async (source: AsyncIterable<Uint8Array>): Promise<string> =>
  Buffer.from(await readBounded(source, 100, "test")).toString();

describe("verifyStream", () => {
  const digest = sha256Of("abcdef");

  it("passes the right bytes through", async () => {
    expect(await read(verifyStream(pieces("abc", "def"), { digest, sizeBytes: 6 }, "x"))).toBe("abcdef");
    expect(await read(verifyStream(pieces("abcdef"), { digest }, "x"))).toBe("abcdef");
  });

  it("throws before it ends when bytes differ, lack or abound", async () => {
    await expect(read(verifyStream(pieces("abcdeF"), { digest, sizeBytes: 6 }, "x"))).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
    await expect(read(verifyStream(pieces("abc"), { digest, sizeBytes: 6 }, "x"))).rejects.toThrow(
      "x: expected 6 bytes, read 3",
    );
    await expect(read(verifyStream(pieces("abcdef", "g"), { digest, sizeBytes: 6 }, "x"))).rejects.toThrow(
      /read at least 7/,
    );
  });

  it("closes its source when the reader leaves", async () => {
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.from("a");
      } finally {
        closed = true;
      }
    }
    for await (const _piece of verifyStream(endless(), { digest }, "x")) break;
    expect(closed).toBe(true);
  });
});

describe("readBounded", () => {
  it("stops at the bound, with an error that names the source", async () => {
    await expect(readBounded(pieces("abc", "def"), 5, "page")).rejects.toThrow(
      "page: larger than the 5 bytes that are allowed",
    );
    expect(await read(pieces())).toBe("");
  });
});
