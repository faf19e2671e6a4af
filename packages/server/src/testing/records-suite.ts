import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Records } from "../records/records.js";

export interface OpenedRecords extends AsyncDisposable {
  readonly records: Records;
}

/** What every Records owes its callers. */
export function recordsSuite(name: string, open: () => Promise<OpenedRecords>): void {
  describe(`${name} keeps Records`, () => {
    let opened: OpenedRecords;
    let records: Records;
    beforeEach(async () => {
      opened = await open();
      records = opened.records;
    });
    afterEach(() => opened[Symbol.asyncDispose]());

    it("gives back what was put, by kind and key", async () => {
      expect(await records.get("user", "ann")).toBeUndefined();
      expect(await records.put("user", "ann", { name: "Ann", tags: [1, null] })).toBe(1);
      expect(await records.get("user", "ann")).toEqual({
        key: "ann",
        version: 1,
        document: { name: "Ann", tags: [1, null] },
      });
      expect(await records.get("token", "ann")).toBeUndefined();
    });

    it("lets one of two writers win who began from the same version", async () => {
      await records.put("user", "ann", { at: 0 });
      const both = await Promise.allSettled([1, 2].map((at) => records.put("user", "ann", { at }, 1)));
      expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      expect(both.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "RECORD_CONFLICT" } });
      expect(await records.get("user", "ann")).toMatchObject({ version: 2 });
    });

    it("makes a record once", async () => {
      const both = await Promise.allSettled([1, 2].map((at) => records.put("user", "new", { at }, 0)));
      expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      await expect(records.put("user", "none", {}, 3)).rejects.toMatchObject({ code: "RECORD_CONFLICT" });
      expect(await records.get("user", "none")).toBeUndefined();
    });

    it("deletes once, and begins anew", async () => {
      await records.put("user", "ann", {});
      expect([await records.delete("user", "ann"), await records.delete("user", "ann")]).toEqual([true, false]);
      expect(await records.put("user", "ann", {}, 0)).toBe(1);
    });

    it("lists a kind by key, page by page", async () => {
      for (const key of ["b", "a", "c/d", "c"]) await records.put("user", key, { key });
      await records.put("users", "x", {});
      const keys = async (page: { limit: number; after?: string }) =>
        (await records.list("user", page)).map(({ key }) => key);
      expect(await keys({ limit: 10 })).toEqual(["a", "b", "c", "c/d"]);
      expect(await keys({ limit: 2, after: "a" })).toEqual(["b", "c"]);
    });
  });
}
