import { afterEach, describe, expect, it, vi } from "vitest";
import { claimsOf, seededChunk } from "../testing/chunks.js";
import { chunksFrom, countRight, flipByte, putAll, useTestStore } from "../testing/test-store.js";
import { Evictor } from "./evictor.js";
import { minBudgetBytes } from "./segment-chunk-store.js";
import { readerView } from "./store-shared.js";

const test = useTestStore();

describe("the segment store while others use it", () => {
  afterEach(() => vi.restoreAllMocks());

  it("takes puts between the turns of a collection, which ends at its signal", async () => {
    const store = await test.open({ budgetBytes: 1024 * 1024 * 1024 });
    const chunks = chunksFrom(0, 60, 512 * 1024);
    const { ids, lengths } = claimsOf(chunks.filter((_, i) => i % 4 !== 0));
    await store.bind(ids, lengths);
    await putAll(store, chunks);
    const order: string[] = [];
    const collecting = store.gc().then(() => order.push("gc"));
    const late = seededChunk("beside");
    await store.put(late).then(() => order.push("put"));
    await collecting;
    expect(order).toEqual(["put", "gc"]);
    expect(await countRight(store, [...chunks.filter((_, i) => i % 4 !== 0), late])).toBe(46);
    for (const [i, { id }] of chunks.entries()) expect(await store.has(id)).toBe(i % 4 !== 0);
    const stop = new AbortController();
    const stopped = store.gc({ signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(stopped).rejects.toThrow("enough");
    await store.close();
  });

  it("makes the room that it owes once it can again", async () => {
    const store = await test.open({ budgetBytes: minBudgetBytes, maxSlots: 100, retryAfterMs: 0 });
    const make = vi.spyOn(Evictor.prototype, "makeRoom");
    make.mockRejectedValueOnce(Object.assign(new Error("EIO: while making room"), { code: "EIO" }));
    expect(await store.put(seededChunk(0))).toBe("not-stored");
    expect(await store.put(seededChunk(0))).toBe("stored");
    expect(make).toHaveBeenCalledTimes(2);
    expect(await store.put(seededChunk(1))).toBe("stored");
    expect(make).toHaveBeenCalledTimes(2);
    await store.close();
  });

  it("does not hash a chunk again that its slot knows to be right", async () => {
    const store = await test.open();
    const chunk = seededChunk("known");
    const { ids, lengths } = claimsOf([chunk]);
    await using binding = await store.bind(ids, lengths);
    await store.put(chunk);
    expect(Buffer.compare(await store.get(chunk.id), chunk.bytes)).toBe(0);
    // Rot after the first use shows that nobody looked: docs/adr/0005-durability.md.
    await flipByte((await test.segmentFiles())[0] ?? "", 64 + 64 + 5);
    expect(Buffer.compare(await store.get(chunk.id), chunk.bytes)).not.toBe(0);
    await binding.close();
    await expect(store.get(chunk.id)).rejects.toMatchObject({ code: "CHUNK_MISSING" });
    await store.close();
  });

  it("hands a slot on only when every reader that was inside its passage at the close has left it", async () => {
    const store = await test.open({ budgetBytes: minBudgetBytes, maxSlots: 2 });
    const [one, two, three] = [seededChunk(1), seededChunk(2), seededChunk(3)].map((chunk) => claimsOf([chunk]));
    if (one === undefined || two === undefined || three === undefined) throw new RangeError("three claims");
    const { passage } = readerView(store.shared, store.addReader());
    const first = await store.bind(one.ids, one.lengths);
    Atomics.add(passage, 0, 1); // a request looks its slots up inside its passage
    let isClosed = false;
    const closing = first.close().then(() => {
      isClosed = true;
    });
    const second = await store.bind(two.ids, two.lengths);
    expect(second.slots[0]).not.toBe(first.slots[0]);
    expect(isClosed).toBe(false);
    Atomics.add(passage, 0, 1);
    await closing;
    expect((await store.bind(three.ids, three.lengths)).slots[0]).toBe(first.slots[0]);
    await store.close();
  });
});
