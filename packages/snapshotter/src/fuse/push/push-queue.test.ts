import { describe, expect, it } from "vitest";
import { PushQueue } from "./push-queue.js";

const run = (startBlock: number, blocks: number) => ({ startBlock, blocks });

describe("the queue of pushes", () => {
  it("gives first what came first, in batches of 4 MiB, every block once", () => {
    const queue = new PushQueue();
    expect(queue.add(16, [run(0, 2500), run(3000, 100)])).toHaveLength(3);
    expect(queue.add(17, [run(5, 1)])).toHaveLength(1);
    const batches = [queue.next(), queue.next(), queue.next(), queue.next()];
    expect(batches).toEqual([
      { inode: 16, runs: [run(0, 1024)], blocks: 1024 },
      { inode: 16, runs: [run(1024, 1024)], blocks: 1024 },
      { inode: 16, runs: [run(2048, 452), run(3000, 100)], blocks: 552 },
      { inode: 17, runs: [run(5, 1)], blocks: 1 },
    ]);
    expect(queue.next()).toBeUndefined();
    expect(queue.waitingRuns).toBe(0);
  });

  it("takes all of what is added or nothing, and never more than its bound", () => {
    const queue = new PushQueue();
    const many = Array.from({ length: 40_000 }, (_, i) => run(i * 2, 1));
    expect(queue.add(16, many).length).toBeGreaterThan(0);
    expect(queue.add(16, many)).toEqual([]);
    expect(queue.waitingRuns).toBe(40_000);
    expect(queue.add(16, many.slice(0, 25_000)).length).toBeGreaterThan(0);
  });

  it("lets one disk's runs be taken out, or all", () => {
    const queue = new PushQueue();
    queue.add(16, [run(0, 1)]);
    queue.add(17, [run(1, 1)]);
    queue.add(16, [run(2, 1)]);
    expect(queue.remove(16).map(({ runs }) => runs)).toEqual([[run(0, 1)], [run(2, 1)]]);
    expect(queue.waitingRuns).toBe(1);
    expect(queue.remove()).toMatchObject([{ inode: 17 }]);
    expect(queue.next()).toBeUndefined();
    expect(queue.waitingRuns).toBe(0);
  });
});
