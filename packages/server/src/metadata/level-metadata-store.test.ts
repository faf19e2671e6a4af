import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { metadataStoreSuite } from "../testing/metadata-store-suite.js";
import { KeyedLock } from "./keyed-lock.js";
import { keyOf, keysBelow, lastPart, tagOf, tagOrder } from "./level-keys.js";
import { LevelMetadataStore } from "./level-metadata-store.js";

metadataStoreSuite("LevelMetadataStore", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-metadata-"));
  let store = await LevelMetadataStore.open(folder);
  return {
    store,
    reopen: async () => {
      await store[Symbol.asyncDispose]();
      store = await LevelMetadataStore.open(folder);
      return store;
    },
    dispose: async () => {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
});

const part = fc.stringMatching(/^[a-zA-Z0-9._/:-]{1,20}$/);

describe("keys of the database", () => {
  it("lie below what they begin with, and nothing else does", () => {
    fc.assert(
      fc.property(part, part, part, (repository, otherRepository, last) => {
        const { gt, lt } = keysBelow([repository]);
        const isBelow = (key: string): boolean => gt < key && key < lt;
        expect(isBelow(keyOf(repository, last))).toBe(true);
        expect(isBelow(keyOf(otherRepository, last))).toBe(otherRepository === repository);
      }),
    );
  });

  it("give back the tag they were made of", () => {
    fc.assert(
      fc.property(part, part, (repository, tag) => {
        expect(tagOf(lastPart(keyOf(repository, tagOrder(tag))))).toBe(tag);
      }),
    );
  });
});

describe("a lock by key", () => {
  it("lets work on one key go one after another, also behind work that failed", async () => {
    const lock = new KeyedLock();
    const seen: string[] = [];
    const work =
      (name: string, fails = false) =>
      async (): Promise<void> => {
        seen.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, 5));
        seen.push(`${name} ends`);
        if (fails) throw new Error(name);
      };
    const first = lock.run("key", work("a", true));
    const second = lock.run("key", work("b"));
    await expect(first).rejects.toThrow("a");
    await second;
    expect(seen).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  });

  it("lets work on other keys go on meanwhile", async () => {
    const lock = new KeyedLock();
    let release: () => void = () => undefined;
    const slow = lock.run(
      "slow",
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    expect(await lock.run("fast", async () => "done")).toBe("done");
    release();
    await slow;
  });
});
