import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BufferPool } from "./buffer-pool.js";
import { splitFrames } from "./split-frames.js";

const blob = Uint8Array.from({ length: 500 }, (_, i) => i & 255);

async function* piecesOf(start: number, end: number, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = start, i = 0; at < end; i++) {
    const size = Math.min(sizes[i % sizes.length] ?? 1, end - at);
    yield blob.subarray(at, at + size);
    at += size;
  }
}

async function split(
  pieces: AsyncIterable<Uint8Array>,
  start: number,
  frames: { frame: { start: number; end: number } }[],
) {
  const got: Uint8Array[] = [];
  const splitting = splitFrames(pieces, start, frames, new BufferPool(1024 * 1024));
  for (;;) {
    const next = await splitting.next();
    if (next.done) return { got, received: next.value };
    got.push(Uint8Array.from(next.value.bytes));
  }
}

describe("splitting a stream into frames", () => {
  it("gives the bytes of each frame, however the stream is cut, with gaps, overlaps and repeats", async () => {
    const frames = fc.array(fc.tuple(fc.nat(450), fc.integer({ min: 1, max: 50 })), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(frames, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), async (spans, sizes) => {
        const wanted = spans.map(([start, size]) => ({ frame: { start, end: start + size } }));
        wanted.sort((a, b) => a.frame.start - b.frame.start);
        const start = wanted[0]?.frame.start ?? 0;
        const { got, received } = await split(piecesOf(start, 500, sizes), start, wanted);
        expect(received).toBeUndefined();
        expect(got).toEqual(wanted.map(({ frame }) => blob.slice(frame.start, frame.end)));
      }),
    );
  });

  it("says how much came when the stream ends early", async () => {
    const frames = [{ frame: { start: 10, end: 20 } }, { frame: { start: 20, end: 60 } }];
    const { got, received } = await split(piecesOf(10, 50, [7]), 10, frames);
    expect(got).toHaveLength(1);
    expect(received).toBe(40);
  });

  it("reads no more than it needs, and closes the stream", async () => {
    let closed = false;
    const endless = (async function* () {
      try {
        for (;;) yield blob.subarray(0, 10);
      } finally {
        closed = true;
      }
    })();
    const { got } = await split(endless, 0, [{ frame: { start: 0, end: 25 } }]);
    expect(got[0]).toHaveLength(25);
    expect(closed).toBe(true);
  });
});
