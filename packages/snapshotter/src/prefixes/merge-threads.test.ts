import { describe, expect, it } from "vitest";
import { MergeThreads } from "./merge-threads.js";

// The thread's program is a few words here; the real one runs in test/containerd.

const threadsThat = (does: string): MergeThreads =>
  new MergeThreads(
    new URL(
      `data:text/javascript,${encodeURIComponent(`import { parentPort, workerData } from "node:worker_threads"; ${does}`)}`,
    ),
  );

describe("merging in threads", () => {
  it("gives what the thread made", async () => {
    const threads = threadsThat("parentPort.postMessage({ bytes: new Uint8Array([workerData.layers.length]) });");
    expect((await threads.merge([])).bytes).toEqual(Uint8Array.of(0));
  });

  it("fails with what the thread threw, or when it ends without a word, and works for the next", async () => {
    await expect(threadsThat("throw new RangeError('no tree');").merge([])).rejects.toThrow("no tree");
    const threads = threadsThat("process.exit(3);");
    await expect(threads.merge([])).rejects.toThrow(/ended with code 3/);
    await expect(threads.merge([])).rejects.toThrow(/ended with code 3/);
  });

  it("tells the thread whether to merge or only to prove that it can be done", async () => {
    const threads = threadsThat(
      "if (workerData.kind !== 'prove') throw new Error('merged'); parentPort.postMessage(1);",
    );
    await threads.prove([]);
    await expect(threads.merge([])).rejects.toThrow("merged");
  });

  it("runs one at a time", async () => {
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const threads = threadsThat(`
      const [running, most] = [0, 1];
      const counts = workerData.layers[0].path;
      const now = Atomics.add(counts, running, 1) + 1;
      if (now > Atomics.load(counts, most)) Atomics.store(counts, most, now);
      Atomics.wait(counts, most, Atomics.load(counts, most), 20);
      Atomics.sub(counts, running, 1);
      parentPort.postMessage({ bytes: new Uint8Array(0) });`);
    const layer = { path: shared } as unknown as Parameters<MergeThreads["merge"]>[0][number]; // counts, for the words above
    await Promise.all([1, 2, 3].map(() => threads.merge([layer])));
    expect(shared[1]).toBe(1);
  });
});
