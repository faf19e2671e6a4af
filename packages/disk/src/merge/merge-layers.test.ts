import { describe, expect, it } from "vitest";
import { byteString } from "../byte-strings.js";
import { type DumpedEntry, dumpTree, latin1 } from "../testing/dump-tree.js";
import { layerOf, type TestEntry } from "../testing/layer-of.js";
import { InvalidLayerError } from "./invalid-layer-error.js";
import { mergeLayers } from "./merge-layers.js";
import { noLayer, pathOf } from "./merged-tree.js";

const merged = (...layers: TestEntry[][]): Map<string, DumpedEntry> =>
  dumpTree(mergeLayers(layers.map((entries) => layerOf(entries))));
const paths = (...layers: TestEntry[][]): string[] =>
  [...merged(...layers).keys()].filter((path) => path !== "").sort();
const directory = (path: string, rest: Partial<TestEntry> = {}): TestEntry => ({ path, type: "directory", ...rest });
const hardLink = (path: string, target: string): TestEntry => ({ path, type: "hardLink", target });
const symlink = (path: string, target: string): TestEntry => ({ path, type: "symlink", target });
const whiteout = (path: string): TestEntry => ({ path, type: "whiteout" });
const opaque = (path: string): TestEntry => ({ path, type: "opaque" });

describe("one layer", () => {
  it("gives no layers an empty root with the attributes of an implied directory", () => {
    expect([...merged()]).toEqual([["", expect.objectContaining({ type: "directory", mode: 0o755, linkCount: 2 })]]);
  });

  it("keeps every attribute of an entry", () => {
    const entry = { mode: 0o4755, uid: 4_294_967_295, gid: 3e9, mtimeSeconds: -1e9, mtimeNanoseconds: 999_999_999 };
    const file = merged([{ path: "f", sizeBytes: 2 ** 33, ...entry, xattrs: { "user.a": "1" } }]).get("f");
    expect(file).toMatchObject({ type: "file", sizeBytes: 2 ** 33, linkCount: 1, xattrs: { "user.a": "1" }, ...entry });
  });

  it("implies missing parents: mode 0755, 0:0, time 0, of no layer", () => {
    const tree = mergeLayers([layerOf([{ path: "a/b/f", uid: 9, mtimeSeconds: 5 }])]);
    expect(dumpTree(tree).get("a/b")).toMatchObject({ type: "directory", mode: 0o755, uid: 0, mtimeSeconds: 0 });
    expect([...tree.layer]).toEqual([noLayer, noLayer, noLayer, 0]);
  });

  it("takes the attributes of the root from its entry", () => {
    expect(merged([directory("", { mode: 0o700, uid: 5 })]).get("")).toMatchObject({ mode: 0o700, uid: 5 });
  });

  it("lets the last of several entries for one name win", () => {
    expect(
      merged([
        { path: "f", uid: 1 },
        { path: "f", uid: 2 },
      ]).get("f")?.uid,
    ).toBe(2);
  });

  it("updates a directory that comes again and keeps what is in it", () => {
    const tree = merged([directory("d", { uid: 1 }), { path: "d/f" }, directory("d", { uid: 2 })]);
    expect(tree.get("d")?.uid).toBe(2);
    expect(tree.has("d/f")).toBe(true);
  });

  it("replaces a directory with all that is in it by a later file", () => {
    expect(paths([directory("d"), { path: "d/f" }, { path: "d" }])).toEqual(["d"]);
  });

  it("gives every symlink mode 0777, as Linux does", () => {
    expect(merged([{ ...symlink("l", "t"), mode: 0o600 }]).get("l")).toMatchObject({ mode: 0o777, sizeBytes: 1 });
  });

  it("sorts names as unsigned bytes", () => {
    const tree = mergeLayers([layerOf([{ path: Uint8Array.of(0xff) }, { path: "a" }, { path: "-" }, { path: "aa" }])]);
    expect([0, 1, 2, 3].map((entry) => latin1(byteString(tree.entryName, entry)))).toEqual(["-", "a", "aa", "\xff"]);
  });

  it("keeps names of 255 bytes that are not UTF-8", () => {
    const name = new Uint8Array(255).fill(0xfe);
    expect(dumpTree(mergeLayers([layerOf([{ path: name }])])).has("\xfe".repeat(255))).toBe(true);
  });

  it("counts the names of files and the subdirectories of directories", () => {
    const tree = merged([directory("d/a"), directory("d/b"), { path: "d/f" }, hardLink("g", "d/f")]);
    expect(tree.get("d")?.linkCount).toBe(4);
    expect(tree.get("g")?.linkCount).toBe(2);
  });
});

describe("layers over layers", () => {
  it("merges a directory with the lower one; the attributes of the upper one win, its xattrs, too", () => {
    const lower = [directory("d", { uid: 1, xattrs: { "user.a": "1" } }), { path: "d/low" }];
    const tree = merged(lower, [directory("d", { uid: 2, xattrs: { "user.b": "2" } }), { path: "d/up" }]);
    expect(tree.get("d")).toMatchObject({ uid: 2, xattrs: { "user.b": "2" } });
    expect([...tree.keys()].sort()).toEqual(["", "d", "d/low", "d/up"]);
  });

  it("keeps the attributes of a lower directory that the upper layer only implies", () => {
    expect(merged([directory("d", { uid: 1 })], [{ path: "d/f" }]).get("d")?.uid).toBe(1);
  });

  it("replaces a file by a directory and back", () => {
    expect(paths([{ path: "x" }], [directory("x"), { path: "x/f" }])).toEqual(["x", "x/f"]);
    expect(paths([{ path: "x" }], [{ path: "x/f" }], [{ path: "x" }])).toEqual(["x"]);
  });

  it("changes nothing for an empty layer", () => {
    expect(paths([{ path: "f" }], [], [])).toEqual(["f"]);
  });

  it("applies 127 layers", () => {
    const layers = Array.from({ length: 127 }, (_, i) => [directory("d", { uid: i }), { path: `d/${i}` }]);
    const tree = merged(...layers);
    expect(tree.get("d")?.uid).toBe(126);
    expect(tree.size).toBe(129);
  });
});

describe("whiteouts", () => {
  it("hide a lower file, and a lower directory with all that is in it", () => {
    expect(paths([{ path: "f" }, { path: "d/x" }], [whiteout("f"), whiteout("d")])).toEqual([]);
  });

  it("never hide entries of their own layer, wherever they stand in the tar", () => {
    const lower = [{ path: "d/low" }, { path: "f", uid: 1 }];
    expect(paths(lower, [{ path: "d/up" }, { path: "f" }, whiteout("d"), whiteout("f")])).toEqual(["d", "d/up", "f"]);
    expect(paths(lower, [whiteout("d"), whiteout("f"), { path: "d/up" }, { path: "f" }])).toEqual(["d", "d/up", "f"]);
  });

  it("let a name come back as another type, without the attributes it had", () => {
    const tree = merged([directory("x", { uid: 7 }), { path: "x/f" }], [whiteout("x"), symlink("x", "t")]);
    expect(tree.get("x")?.type).toBe("symlink");
    expect(merged([directory("x", { uid: 7 })], [whiteout("x"), { path: "x/f" }]).get("x")?.uid).toBe(0);
  });

  it("of what is not there are nothing, and make no directories", () => {
    expect(paths([{ path: "f" }], [whiteout("nothing"), whiteout("f/below"), whiteout("no/parent")])).toEqual(["f"]);
  });

  it("do not reach through a lower symlink", () => {
    expect(paths([{ path: "d/f" }, symlink("l", "d")], [whiteout("l/f")])).toEqual(["d", "d/f", "l"]);
  });
});

describe("opaque directories", () => {
  it("hide what lower layers have in them and keep the directory's attributes", () => {
    const tree = merged([directory("d", { uid: 3 }), { path: "d/low" }], [{ path: "d/up" }, opaque("d")]);
    expect([...tree.keys()].sort()).toEqual(["", "d", "d/up"]);
    expect(tree.get("d")?.uid).toBe(3);
  });

  it("may be the root", () => {
    expect(paths([{ path: "low" }], [{ path: "up" }, opaque("")])).toEqual(["up"]);
  });

  it("say nothing about a lower file or a missing directory of that name", () => {
    expect(paths([{ path: "f" }], [opaque("f"), opaque("missing")])).toEqual(["f"]);
  });
});

describe("hard links", () => {
  it("share an inode across directories", () => {
    const tree = merged([{ path: "a/f", uid: 4 }, hardLink("b/g", "a/f"), hardLink("h", "b/g")]);
    expect(tree.get("b/g")).toMatchObject({ uid: 4, linkCount: 3 });
    expect(tree.get("b/g")?.sameAs).toBe(tree.get("a/f")?.sameAs);
  });

  it("reach a file of a lower layer", () => {
    const tree = merged([{ path: "f", uid: 4 }], [hardLink("g", "f")]);
    expect(tree.get("g")).toMatchObject({ uid: 4, linkCount: 2, sameAs: tree.get("f")?.sameAs });
  });

  it("of a symlink link the symlink", () => {
    expect(merged([symlink("l", "t"), hardLink("m", "l")]).get("m")).toMatchObject({ type: "symlink", linkCount: 2 });
  });

  it("keep the old file when the name they were made from is replaced, in the same layer or above", () => {
    const same = merged([{ path: "f", uid: 1 }, hardLink("g", "f"), { path: "f", uid: 2 }]);
    expect([same.get("g")?.uid, same.get("f")?.uid, same.get("g")?.linkCount]).toEqual([1, 2, 1]);
    const above = merged([{ path: "f", uid: 1 }, hardLink("g", "f"), hardLink("h", "f")], [{ path: "f", uid: 2 }]);
    expect(above.get("g")).toMatchObject({ uid: 1, linkCount: 2 });
  });

  it("keep the file when a whiteout removes the name they were made from", () => {
    expect(merged([{ path: "f", uid: 1 }, hardLink("g", "f")], [whiteout("f")]).get("g")?.linkCount).toBe(1);
  });

  it.each([
    ["nothing", [hardLink("g", "missing")], "layer 0: /g: a hard link to /missing, which is not there"],
    ["a directory", [directory("d"), hardLink("g", "d")], "layer 0: /g: a hard link to /d, which is a directory"],
    ["something below a file", [{ path: "f" }, hardLink("g", "f/x")], "which is not there"],
  ])("to %s are an error that names both", (_, entries, message) => {
    expect(() => mergeLayers([layerOf(entries)])).toThrow(message);
  });

  it("cannot reach what the same layer whited out", () => {
    expect(() => merged([{ path: "f" }], [hardLink("g", "f"), whiteout("f")])).toThrow(InvalidLayerError);
  });
});

describe("parents that are no directories", () => {
  it("are replaced when a lower layer left them, be they files or symlinks", () => {
    const tree = merged([symlink("l", "/d"), { path: "f" }, directory("d")], [{ path: "l/x" }, { path: "f/x" }]);
    expect([...tree.keys()].sort()).toEqual(["", "d", "f", "f/x", "l", "l/x"]);
    expect(tree.get("l")?.type).toBe("directory");
  });

  it("are followed when they are symlinks of the same layer, but never out of the root", () => {
    expect(paths([symlink("l", "../../d"), { path: "l/x" }])).toEqual(["d", "d/x", "l"]);
    expect(paths([symlink("a/l", "../d/./e"), { path: "a/l/x" }])).toEqual(["a", "a/l", "d", "d/e", "d/e/x"]);
    expect(paths([symlink("l", "/"), { path: "l/x" }, hardLink("y", "l/x")])).toEqual(["l", "x", "y"]);
  });

  it("are an error when they are files of the same layer or symlinks in a circle", () => {
    expect(() => merged([{ path: "f" }, { path: "f/x" }])).toThrow("layer 0: /f: is no directory in this layer");
    expect(() => merged([symlink("a", "b"), symlink("b", "a"), { path: "a/x" }])).toThrow("a loop of symlinks");
  });

  it("cannot be names that are too long, not even in a symlink", () => {
    const long = "n".repeat(256);
    expect(() => merged([symlink("l", long), { path: "l/x" }])).toThrow("a name of 256 bytes; Linux allows 255");
  });
});

describe("extended attributes", () => {
  it("of the overlay file system and those EROFS cannot name are left out, with a warning each", () => {
    const kept = { "user.a": "", "trusted.b": "\0", "security.capability": "c" };
    const xattrs = { ...kept, "trusted.overlay.opaque": "y", "user.overlay.redirect": "/etc", "btrfs.x": "1" };
    const tree = mergeLayers([layerOf([{ path: "a/f", xattrs }])]);
    expect(dumpTree(tree).get("a/f")?.xattrs).toEqual(kept);
    expect(tree.warnings).toEqual([
      { path: "/a/f", name: "btrfs.x", reason: "EROFS has no room for names of this kind" },
      { path: "/a/f", name: "trusted.overlay.opaque", reason: "private to the overlay file system" },
      { path: "/a/f", name: "user.overlay.redirect", reason: "private to the overlay file system" },
    ]);
  });

  it("of users are on files and directories only; malformed ACLs, which would shut a file, are left out", () => {
    const acl = Buffer.from("0200000001000600ffffffff", "hex");
    const tree = mergeLayers([
      layerOf([
        { ...symlink("l", "t"), xattrs: { "user.a": "1", "trusted.b": "2" } },
        { path: "f", xattrs: { "system.posix_acl_access": acl, "system.posix_acl_default": "?" } },
      ]),
    ]);
    expect(dumpTree(tree).get("l")?.xattrs).toEqual({ "trusted.b": "2" });
    expect(dumpTree(tree).get("f")?.xattrs).toEqual({ "system.posix_acl_access": latin1(acl) });
    expect(tree.warnings.map(({ path }) => path)).toEqual(["/f", "/l"]);
  });

  it("that are left out by the thousand are counted, and the first ten are named", () => {
    const files = Array.from({ length: 1000 }, (_, i) => ({ path: `f${i}`, xattrs: { "btrfs.x": "1" } }));
    const tree = mergeLayers([layerOf(files)]);
    expect([tree.warnings.length, tree.droppedXattrs]).toEqual([10, 1000]);
  });

  it("of hidden files cause no warning", () => {
    const lower = layerOf([{ path: "f", xattrs: { "trusted.overlay.opaque": "y" } }]);
    expect(mergeLayers([lower, layerOf([whiteout("f")])]).warnings).toEqual([]);
  });
});

describe("hostile layers", () => {
  it("that imply directories without end are refused before memory is gone", () => {
    const deep = (i: number): string => `${i}/${"d/".repeat(2000)}f`;
    const layers = Array.from({ length: 5 }, (_, layer) =>
      layerOf(Array.from({ length: 500 }, (_, i) => ({ path: deep(layer * 500 + i) }))),
    );
    expect(() => mergeLayers(layers)).toThrow(/layer 4: .*implies a directory more than the 4194304 inodes/);
  });

  it("whose symlinks lead over long ways again and again are refused in time", () => {
    const way = `${"d/../".repeat(800)}d`;
    const chain = Array.from({ length: 30 }, (_, i) => symlink(`l${i}`, i === 0 ? way : `${way}/../l${i - 1}`));
    const files = Array.from({ length: 20_000 }, (_, i) => ({ path: `l29/${i}` }));
    const index = layerOf([{ path: "d", type: "directory" }, ...chain, ...files]);
    const started = performance.now();
    expect(() => mergeLayers([index])).toThrow(/leads over symlinks/);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

describe("size", () => {
  it("merges 100,000 entries of one directory in well under a second", () => {
    const index = layerOf(Array.from({ length: 100_000 }, (_, i) => ({ path: `many/file-${i}` })));
    const started = performance.now();
    const tree = mergeLayers([index, layerOf([{ path: "many/file-7", uid: 7 }])]);
    expect(performance.now() - started).toBeLessThan(2_000); // 0.2 s alone; the machine may be busy
    expect(tree.entryCount).toBe(100_001);
    expect(pathOf(tree, tree.inodeCount - 1)).toBe("/many/file-99999");
  });

  it("walks a path of 2,000 directories without recursion", () => {
    expect(paths([{ path: `${"d/".repeat(2000)}f` }])).toHaveLength(2001);
  });
});
