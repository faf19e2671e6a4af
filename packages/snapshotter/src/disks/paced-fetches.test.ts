import { describe, expect, it } from "vitest";
import { PacedFetches } from "./paced-fetches.js";

const chunkBytes = 100_000;

/** A link that ends what is under way when it is told to; three chunks are a group. */
function link(chunks: readonly number[], tookMs = 75) {
  const asked: (readonly number[])[] = [];
  const under: (() => void)[] = [];
  const here = new Set<number>();
  const stop = new AbortController();
  let nowMs = 0;
  const paced = new PacedFetches(chunks, {
    sizeOf: () => chunkBytes,
    isMissing: (chunk) => !here.has(chunk),
    fetch: async (group) => {
      asked.push(group);
      for (const chunk of group) here.add(chunk);
      await new Promise<void>((resolve) => under.push(resolve));
    },
    signal: stop.signal,
    now: () => nowMs,
  });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  /** The oldest group arrives. */
  const arrive = async (): Promise<void> => {
    nowMs += tookMs;
    under.shift()?.();
    await settle();
  };
  return { paced, asked, under, here, stop, arrive, settle };
}

const count = (length: number): number[] => Array.from({ length }, (_, i) => i);

describe("fetches that nobody waits for", () => {
  it("come in their order, two groups at once, without what is here", async () => {
    const { paced, asked, here, arrive, settle } = link(count(12));
    here.add(1);
    const done = paced.run();
    await settle();
    expect(asked).toEqual([
      [0, 2, 3],
      [4, 5, 6],
    ]);
    await arrive();
    expect(asked.slice(2)).toEqual([[7, 8, 9]]);
    for (let i = 0; i < 3; i++) await arrive();
    await done;
    expect(asked.slice(3)).toEqual([[10, 11]]);
  });

  it("go on behind what a reader misses, and come back for what he passed over", async () => {
    const { paced, asked, here, arrive, settle } = link(count(18));
    const done = paced.run();
    await settle();
    here.add(12);
    paced.follow(12);
    paced.follow(99); // none of them
    for (let i = 0; i < 6; i++) await arrive();
    await done;
    expect(asked.slice(2)).toEqual([
      [13, 14, 15],
      [16, 17, 6],
      [7, 8, 9],
      [10, 11],
    ]);
  });

  it("are more at once where they take little time, and fewer again where they wait behind each other", async () => {
    const fast = link(count(600), 10);
    void fast.paced.run();
    await fast.settle();
    for (let i = 0; i < 40; i++) await fast.arrive();
    expect(fast.under.length).toBeGreaterThan(4);
    expect(fast.under.length).toBeLessThanOrEqual(16);
    const slow = link(count(600), 300);
    void slow.paced.run();
    await slow.settle();
    for (let i = 0; i < 40; i++) await slow.arrive();
    expect(slow.under.length).toBe(2);
  });

  it("end with the signal", async () => {
    const { paced, asked, stop, arrive, settle } = link(count(30));
    const done = paced.run();
    await settle();
    stop.abort();
    for (let i = 0; i < 2; i++) await arrive();
    await done;
    expect(asked.length).toBe(2);
  });

  it("of nothing end at once", async () => {
    await link([]).paced.run();
  });
});
