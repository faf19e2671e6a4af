import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TooManyChunksError } from "./chunk-store.js";
import { SlotTable } from "./slot-table.js";
import { slotState } from "./slot-word.js";
import { createStoreShared } from "./store-shared.js";

const idOf = (n: number): Uint8Array => createHash("sha256").update(String(n)).digest();

/** @returns how many hold it now */
function acquireOne(table: SlotTable, id: number, count: number): number {
  const slot = table.acquire(idOf(id), 0);
  expect(table.references(slot)).toBe(count + 1);
  return count + 1;
}

function releaseOne(table: SlotTable, id: number, count: number): number {
  if (count === 0) return 0;
  const slot = table.find(idOf(id));
  const isLast = table.release(slot);
  expect(isLast).toBe(count === 1);
  if (isLast) table.recycle([slot]);
  return count - 1;
}

describe("the slot table", () => {
  it("finds what is acquired and not released, through any order of both", () => {
    const step = fc.record({ id: fc.nat(40), isRelease: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new SlotTable(createStoreShared(64));
        const counts = new Map<number, number>();
        for (const { id, isRelease } of steps) {
          const change = isRelease ? releaseOne : acquireOne;
          counts.set(id, change(table, id, counts.get(id) ?? 0));
        }
        const held = [...counts.keys()].filter((id) => counts.get(id) !== 0);
        for (const id of counts.keys()) expect(table.find(idOf(id)) >= 0).toBe(held.includes(id));
        expect(new Set(held.map((id) => table.find(idOf(id)))).size).toBe(held.length);
      }),
    );
  });

  it("holds many more than it began with", () => {
    const table = new SlotTable(createStoreShared(5000));
    const slots = Array.from({ length: 5000 }, (_, i) => table.acquire(idOf(i), 0));
    expect(new Set(slots).size).toBe(5000);
    for (let i = 0; i < 5000; i++) expect(table.find(idOf(i))).toBe(slots[i]);
    expect(() => table.acquire(idOf(5000), 0)).toThrow(TooManyChunksError);
  });

  it("takes nothing that was learnt of a place for true once the slot points elsewhere", () => {
    const table = new SlotTable(createStoreShared(4));
    const slot = table.acquire(idOf(1), 0);
    table.publish(slot, { place: 1, payloadOffset: 64, lengthBytes: 10 }, slotState.present);
    const old = table.generation(slot);
    table.publish(slot, { place: 2, payloadOffset: 64, lengthBytes: 10 }, slotState.present);
    table.markVerified(slot, old);
    expect(table.state(slot)).toBe(slotState.present);
    expect(table.dropIf(slot, old, slotState.damaged)).toBe(false);
    table.markVerified(slot, table.generation(slot));
    expect(table.state(slot)).toBe(slotState.verified);
    expect(table.dropIf(slot, table.generation(slot), slotState.damaged)).toBe(true);
    expect(table.isThere(slot)).toBe(false);
  });

  it("lists the slots that point into a segment, and not those dropped", () => {
    const table = new SlotTable(createStoreShared(8));
    const [a, b, c] = [1, 2, 3].map((n) => table.acquire(idOf(n), 0));
    if (a === undefined || b === undefined || c === undefined) throw new Error("three slots were acquired");
    for (const [slot, place] of [
      [a, 5],
      [b, 6],
      [c, 5],
    ] as const) {
      table.publish(slot, { place, payloadOffset: 0, lengthBytes: 1 }, slotState.verified);
    }
    expect([...table.pointingTo(5)]).toEqual([a, c]);
    table.drop(a, slotState.absent);
    expect([...table.pointingTo(5)]).toEqual([c]);
  });
});
