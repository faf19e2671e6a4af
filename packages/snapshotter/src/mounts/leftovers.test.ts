import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NodePaths } from "../state/node-paths.js";
import { sweepFolders } from "./leftovers.js";
import { WritableFolder } from "./writable-folder.js";

let paths: NodePaths;

beforeEach(async () => {
  paths = new NodePaths(await mkdtemp(join(tmpdir(), "sluice-sweep-")));
});
afterEach(async () => {
  await rm(paths.root, { recursive: true, force: true });
});

const writable = async (id: string, wrote?: string): Promise<WritableFolder> => {
  const folder = new WritableFolder(paths.writable(id));
  await folder.make();
  if (wrote !== undefined) await writeFile(join(folder.upper, wrote), "work of a day");
  return folder;
};

describe("the sweep at a start", () => {
  it("keeps what somebody wrote, whether or not a record is known, and says where", async () => {
    await writable("known", "file");
    const unknown = await writable("unknown", "file");
    expect(await sweepFolders(paths, new Set(["known"]))).toEqual([unknown.path]);
    expect(await readdir(join(paths.root, "writable"))).toEqual(["known", "unknown"]);
  });

  it("removes what nothing was written to, unless it is wanted", async () => {
    await writable("known");
    await writable("unknown");
    expect(await sweepFolders(paths, new Set(["known"]))).toEqual([]);
    expect(await readdir(join(paths.root, "writable"))).toEqual(["known"]);
  });

  it("removes what was given up while somebody used it", async () => {
    await (await writable("given-up", "file")).giveUp();
    await sweepFolders(paths, new Set(["given-up"]));
    expect(await readdir(join(paths.root, "writable"))).toEqual([]);
  });

  it("removes bundles of containers that nobody knows, and empty places of disks", async () => {
    await mkdir(join(paths.containers, "known"), { recursive: true });
    await mkdir(join(paths.containers, "unknown/rootfs"), { recursive: true });
    await mkdir(join(paths.lower, "disk-1"), { recursive: true });
    await sweepFolders(paths, new Set(["known"]));
    expect(await readdir(paths.containers)).toEqual(["known"]);
    expect(await readdir(paths.lower)).toEqual([]);
  });
});
