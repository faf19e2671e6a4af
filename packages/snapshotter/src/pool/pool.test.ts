import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type NodePool, readPool, readPools, writePool } from "./pool-file.js";
import { requireStreamingPool } from "./pool-membership.js";

let file: string;
beforeEach(async () => {
  file = join(await mkdtemp(join(tmpdir(), "pool-")), "pools.yaml");
});
afterEach(() => rm(join(file, ".."), { recursive: true }));
const pool = (name: string, enabled: boolean): NodePool => ({ name, artifactStreamingProfile: { enabled } });

describe("the file of node pools", () => {
  it("holds what was added and updated, beside what people wrote", async () => {
    await writeFile(file, "# ours\npools:\n  first: # small nodes\n    artifactStreamingProfile: { enabled: false }\n");
    await writePool(file, pool("second", true), "add");
    await writePool(file, pool("first", true), "update");
    expect(await readPools(file)).toEqual([pool("first", true), pool("second", true)]);
    const text = await readFile(file, "utf8");
    expect(text).toContain("# ours");
    expect(text).toContain("# small nodes");
  });

  it("refuses to add what is there, to update what is not, and names that are none", async () => {
    await writePool(file, pool("a", true), "add");
    await expect(writePool(file, pool("a", true), "add")).rejects.toMatchObject({ code: "NODE_POOL_EXISTS" });
    await expect(writePool(file, pool("b", true), "update")).rejects.toThrow(/no node pool "b", it has a; add it/);
    await expect(writePool(file, pool("../c", true), "add")).rejects.toMatchObject({ code: "NODE_POOL_FILE" });
    expect(await readPools(file)).toEqual([pool("a", true)]);
  });

  it.each(["pools: [", "pools: 3", "pools:\n  a: {}", "nodes: {}"])(
    "that says %j is an error that names it",
    async (text) => {
      await writeFile(file, text);
      await expect(readPools(file)).rejects.toThrow(file);
      await expect(writePool(file, pool("a", true), "add")).rejects.toMatchObject({ code: "NODE_POOL_FILE" });
      expect(await readFile(file, "utf8")).toBe(text);
    },
  );
});

describe("a node", () => {
  const node = () => requireStreamingPool({ name: "a", file });

  it("without a pool streams", async () => {
    await requireStreamingPool(undefined);
  });

  it("follows its pool from one image to the next; several nodes follow the same file", async () => {
    await writePool(file, pool("a", true), "add");
    await Promise.all([node(), node()]);
    await writePool(file, pool("a", false), "update");
    await expect(node()).rejects.toMatchObject({ code: "POOL_DISABLED", message: expect.stringContaining(file) });
    await expect(node()).rejects.toMatchObject({ cure: expect.stringContaining("node-pool update") });
    await writePool(file, pool("a", true), "update");
    await node();
    expect((await readPool(file, "a")).artifactStreamingProfile.enabled).toBe(true);
  });

  it("whose pool cannot be read pulls as usual, and says why", async () => {
    await expect(node()).rejects.toMatchObject({
      code: "POOL_DISABLED",
      message: expect.stringContaining("no node pool"),
    });
    await writeFile(file, "{");
    await expect(node()).rejects.toMatchObject({ code: "POOL_DISABLED" });
  });
});
