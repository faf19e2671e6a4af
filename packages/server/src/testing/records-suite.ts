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

    it("gives back text that no other format than JSON knows, and knows no key with a NUL", async () => {
      const document = { "a\u0000": "\u0000", half: "\ud83d", other: "\udc7b", both: "\ud83d\udc7b" };
      await records.put("note", "odd", document);
      expect((await records.get("note", "odd"))?.document).toEqual(document);
      expect([await records.get("note", "odd\0"), await records.delete("note", "odd\0")]).toEqual([undefined, false]);
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

    it("writes several records in one step, or none of them", async () => {
      await records.put("user", "ann", { at: 1 });
      await records.put("user", "bob", { at: 1 });
      const change = (key: string, version: number, document?: object) => ({ kind: "user", key, document, version });
      for (const changes of [
        [change("ann", 1, { at: 2 }), change("bob", 2, { at: 2 })],
        [change("ann", 1, { at: 2 }), change("bob", 2)],
        [change("new", 0, {}), change("bob", 0, {})],
      ]) {
        await expect(records.write(changes)).rejects.toMatchObject({ code: "RECORD_CONFLICT" });
      }
      expect(await records.list("user", { limit: 10 })).toMatchObject([{ version: 1 }, { version: 1 }]);
      await records.write([change("new", 0, { at: 3 }), change("bob", 1), change("ann", 1, { at: 2 })]);
      expect(await records.list("user", { limit: 10 })).toEqual([
        { key: "ann", version: 2, document: { at: 2 } },
        { key: "new", version: 1, document: { at: 3 } },
      ]);
    });

    it("lets one of two win that write some of the same records, in whatever order they name them", async () => {
      const changes = ["a", "b", "c"].map((key) => ({ kind: "user", key, document: {}, version: 0 }));
      const both = await Promise.allSettled([records.write(changes), records.write(changes.toReversed())]);
      expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    });

    it("lists a kind from its end, page by page", async () => {
      for (const key of ["b", "a", "c"]) await records.put("user", key, {});
      await records.put("a-kind", "x", {});
      await records.put("users", "x", {});
      const keys = async (page: { limit: number; after?: string }) =>
        (await records.list("user", { ...page, isDescending: true })).map(({ key }) => key);
      expect(await keys({ limit: 2 })).toEqual(["c", "b"]);
      expect(await keys({ limit: 2, after: "b" })).toEqual(["a"]);
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
