import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSilentLog } from "../observe/log.js";
import type { StreamedLayer } from "./snapshot-record.js";
import { Snapshots } from "./snapshots.js";
import type { StreamedLayers } from "./streamed-layers.js";

/** Streams nothing: each layer is unpacked. */
const unpackAll: StreamedLayers = {
  claim: async () => false,
  acquire: async () => {
    throw new Error("nothing is streamed");
  },
  usage: async () => ({ sizeBytes: 0, inodes: 0 }),
  collect: async () => undefined,
};

const claimAll =
  (layer: StreamedLayer): StreamedLayers["claim"] =>
  async (_offer, keep) => {
    await keep(layer);
    return true;
  };

describe("snapshots on disk", () => {
  let root: string;
  let snapshots: Snapshots;
  const open = async (streamed: StreamedLayers = unpackAll): Promise<Snapshots> =>
    await Snapshots.open({
      folder: join(root, "snapshots"),
      indexFolder: join(root, "index"),
      overlayOptions: ["index=off"],
      streamed,
      log: createSilentLog(),
    });
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "sluice-snapshots-"));
    snapshots = await open();
  });
  afterEach(async () => {
    await snapshots.close();
    await rm(root, { recursive: true, force: true });
  });

  const prepare = (key: string, parent = "", labels: Record<string, string> = {}) =>
    snapshots.create("active", { key, parent, labels });
  const commit = async (key: string, name: string, parent = ""): Promise<void> => {
    await prepare(key, parent);
    await snapshots.commit({ key, name, labels: {}, parent: "" });
  };
  const folders = async (): Promise<string[]> => (await readdir(join(root, "snapshots"))).sort();
  /** As after SIGKILL: nothing is tidied. */
  const reopen = async (damage: () => Promise<unknown>): Promise<void> => {
    await snapshots.close();
    await damage();
    snapshots = await open();
  };

  it("are bound when they stand alone, and overlaid on what they are built on, the nearest first", async () => {
    expect(await prepare("a")).toEqual([
      { type: "bind", source: join(root, "snapshots/1/fs"), options: ["rw", "rbind"] },
    ]);
    await snapshots.commit({ key: "a", name: "base", labels: {}, parent: "" });
    await commit("b", "middle", "base");
    const [mount] = await prepare("c", "middle");
    const at = (path: string): string => join(root, "snapshots", path);
    expect(mount).toEqual({
      type: "overlay",
      source: "overlay",
      options: [
        `workdir=${at("3/work")}`,
        `upperdir=${at("3/fs")}`,
        `lowerdir=${at("2/fs")}:${at("1/fs")}`,
        "index=off",
      ],
    });
    const view = await snapshots.create("view", { key: "v", parent: "base", labels: {} });
    expect(view).toEqual([{ type: "bind", source: at("1/fs"), options: ["ro", "rbind"] }]);
  });

  it("stay as they are when the process is killed, with ids that are never given twice", async () => {
    await commit("a", "base");
    await prepare("b", "base", { role: "container" });
    await snapshots.remove("b");
    await reopen(async () => undefined);
    await prepare("c", "base");
    expect(snapshots.stat("base").kind).toBe("committed");
    expect((await snapshots.mounts("c"))[0]?.options[0]).toBe(`workdir=${join(root, "snapshots/3/work")}`);
  });

  it("lose folders that no record names, and get those back that a crash kept from them", async () => {
    await commit("a", "base");
    await prepare("b", "base");
    await reopen(async () => {
      await mkdir(join(root, "snapshots/77/fs"), { recursive: true });
      await mkdir(join(root, "snapshots/removed-5"));
      await rm(join(root, "snapshots/2"), { recursive: true });
    });
    await snapshots.cleanup();
    expect(await folders()).toEqual(["1", "2"]);
    expect((await snapshots.usage("b")).inodes).toBe(1);
  });

  it("forget a layer whose files are gone, with all that is built on it, so that it is unpacked again", async () => {
    await commit("a", "base");
    await commit("b", "top", "base");
    await commit("x", "other");
    await reopen(() => rm(join(root, "snapshots/1"), { recursive: true }));
    expect(snapshots.list([]).map(({ name }) => name)).toEqual(["other"]);
    await snapshots.cleanup();
    expect(await folders()).toEqual(["3"]);
  });

  it("count what they take on the disk, a hard link once", async () => {
    await prepare("a");
    await writeFile(join(root, "snapshots/1/fs/file"), Buffer.alloc(100_000, 1));
    const { sizeBytes, inodes } = await snapshots.usage("a");
    expect(inodes).toBe(2);
    expect(sizeBytes).toBeGreaterThanOrEqual(100_000);
    expect(sizeBytes).toBeLessThan(200_000);
  });

  it("are not committed without their files", async () => {
    await prepare("a");
    await rm(join(root, "snapshots/1"), { recursive: true });
    await expect(snapshots.commit({ key: "a", name: "base", labels: {}, parent: "" })).rejects.toThrow(/ENOENT/);
    expect(snapshots.stat("a").kind).toBe("active");
  });

  it("are refused by containerd's codes", async () => {
    const code = (expected: string) => expect.objectContaining({ code: expected });
    await commit("a", "base");
    await prepare("b", "base");
    await expect(prepare("b")).rejects.toThrow(code("ALREADY_EXISTS"));
    await expect(prepare("c", "nothing")).rejects.toThrow(code("NOT_FOUND"));
    await expect(prepare("c", "b")).rejects.toThrow(code("INVALID_ARGUMENT"));
    await expect(snapshots.remove("base")).rejects.toThrow(code("FAILED_PRECONDITION"));
    await expect(snapshots.mounts("base")).rejects.toThrow(code("FAILED_PRECONDITION"));
    await expect(snapshots.commit({ key: "b", name: "base", labels: {}, parent: "" })).rejects.toThrow(
      code("ALREADY_EXISTS"),
    );
    await expect(snapshots.update("b", {}, ["parent"])).rejects.toThrow(code("INVALID_ARGUMENT"));
  });

  it("are not active where they are streamed, are views or committed: to commit one is refused as containerd does", async () => {
    const layer = { artifact: sha256Of(Buffer.from("a")), layers: 1, imageLayers: 1 };
    await snapshots.close();
    const lease = { path: root, release: async () => undefined };
    snapshots = await open({ ...unpackAll, claim: claimAll(layer), acquire: async () => lease });
    const labels = { "containerd.io/snapshot.ref": "sha256:1" };
    await expect(prepare("unpack", "", labels)).rejects.toThrow(expect.objectContaining({ code: "ALREADY_EXISTS" }));
    const [streamed] = snapshots.list([]);
    expect(snapshots.held("sha256:1")).toEqual({ streamed: 1, unpacked: 0 });
    await commit("a", "base");
    await commit("b", "k8s.io/7/sha256:2", streamed?.name);
    expect(snapshots.held("sha256:2")).toEqual({ streamed: 1, unpacked: 1 });
    expect(snapshots.held("sha256:3")).toEqual({ streamed: 0, unpacked: 0 });
    await snapshots.create("view", { key: "view", parent: "base", labels: {} });
    for (const key of [streamed?.name ?? "", "base", "view"]) {
      await expect(snapshots.commit({ key, name: "new", labels: {}, parent: "" })).rejects.toThrow(
        expect.objectContaining({ code: "FAILED_PRECONDITION" }),
      );
    }
  });

  it("say with a cleanup of which artifacts the last layer was removed, once", async () => {
    const collected: unknown[] = [];
    const collect: StreamedLayers["collect"] = async (needed, removed) => {
      collected.push([needed(), removed]);
    };
    const artifact = sha256Of(Buffer.from("a"));
    await snapshots.close();
    snapshots = await open({
      ...{ ...unpackAll, collect },
      claim: claimAll({ artifact, layers: 1, imageLayers: 2 }),
    });
    const names: string[] = [];
    for (const target of ["sha256:1", "sha256:2"]) {
      const labels = { "containerd.io/snapshot.ref": target };
      await prepare("unpack", names.at(-1), labels).catch(() => undefined);
      names.push(snapshots.list([`labels."containerd.io/snapshot.ref"==${target}`])[0]?.name ?? "");
    }
    for (const name of names.reverse()) {
      await snapshots.remove(name);
      await snapshots.cleanup();
    }
    await snapshots.cleanup();
    expect(collected).toEqual([
      [[artifact], []],
      [[], [artifact]],
      [[], []],
    ]);
  });

  it("let one of many win who prepare the same key at once", async () => {
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => prepare("same")));
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    await snapshots.cleanup();
    expect(await folders()).toHaveLength(1);
  });
});
