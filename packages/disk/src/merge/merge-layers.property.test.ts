import fc from "fast-check";
import { expect, it } from "vitest";
import { dumpTree } from "../testing/dump-tree.js";
import { layerOf, type TestEntry } from "../testing/layer-of.js";
import { InvalidLayerError } from "./invalid-layer-error.js";
import { mergeLayers } from "./merge-layers.js";

/** The model: a map from whole paths to nodes, unpacked the slow and obvious way. Hard links share the node object. */
interface Node {
  readonly type: string;
  uid: number;
  readonly layer: number;
  readonly target: string;
}

class Refused extends Error {}

class Model {
  readonly nodes = new Map<string, Node>([["", { type: "directory", uid: 0, layer: -1, target: "" }]]);

  apply(entries: readonly ModelEntry[], layer: number): void {
    for (const { type, path } of entries) {
      if (type === "whiteout") this.#remove(path);
      if (type === "opaque" && this.nodes.get(path)?.type === "directory") this.#removeBelow(path);
    }
    for (const entry of entries) if (entry.type !== "whiteout" && entry.type !== "opaque") this.#set(entry, layer);
  }

  #set({ type, path, uid, target }: ModelEntry, layer: number): void {
    if (path === "") {
      const root = this.nodes.get("");
      if (root !== undefined) root.uid = uid;
      return;
    }
    let node: Node = { type, uid, layer, target: type === "symlink" ? target : "" };
    if (type === "hardLink") {
      const real = this.#real(target, layer, false);
      const linked = real === undefined ? undefined : this.nodes.get(real);
      if (linked === undefined || linked.type === "directory") throw new Refused();
      node = linked;
    }
    const real = this.#real(path, layer, true);
    if (real === undefined) throw new Error("parents were to be made");
    const old = this.nodes.get(real);
    if (old?.type === "directory" && type === "directory") {
      this.nodes.set(real, node);
      return;
    }
    this.#remove(real);
    this.nodes.set(real, node);
  }

  /** The path with symlinks of `layer` in its parents followed. */
  #real(path: string, layer: number, make: boolean): string | undefined {
    const names = path.split("/");
    const last = names.pop();
    const at = this.#walk([], names, layer, make, 0);
    return at && [...at, last].join("/");
  }

  #walk(at: string[], names: string[], layer: number, make: boolean, followed: number): string[] | undefined {
    const [name, ...rest] = names;
    if (name === undefined) return at;
    if (name === "" || name === ".") return this.#walk(at, rest, layer, make, followed);
    if (name === "..") return this.#walk(at.slice(0, -1), rest, layer, make, followed);
    const here = [...at, name].join("/");
    const node = this.nodes.get(here);
    if (node?.type === "symlink" && node.layer === layer) {
      if (followed === 40) throw new Refused();
      const from = node.target.startsWith("/") ? [] : at;
      return this.#walk(from, [...node.target.split("/"), ...rest], layer, make, followed + 1);
    }
    if (node?.type !== "directory" && !this.#becomesDirectory(here, layer, make)) return undefined;
    return this.#walk([...at, name], rest, layer, make, followed);
  }

  #becomesDirectory(path: string, layer: number, make: boolean): boolean {
    if (!make) return false;
    if (this.nodes.get(path)?.layer === layer) throw new Refused();
    this.#remove(path);
    this.nodes.set(path, { type: "directory", uid: 0, layer: -1, target: "" });
    return true;
  }

  #remove(path: string): void {
    this.nodes.delete(path);
    this.#removeBelow(path);
  }

  #removeBelow(path: string): void {
    const prefix = path === "" ? "" : `${path}/`;
    for (const other of [...this.nodes.keys()]) if (other !== "" && other.startsWith(prefix)) this.nodes.delete(other);
  }
}

interface ModelEntry {
  readonly type: NonNullable<TestEntry["type"]>;
  readonly path: string;
  readonly uid: number;
  readonly target: string;
}

const name = fc.constantFrom("a", "b", "c", "-", "..x");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
const target = fc.oneof(
  path,
  path.map((to) => `/${to}`),
  path.map((to) => `../${to}`),
);
const entry: fc.Arbitrary<ModelEntry> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("file" as const), path, uid: fc.nat(9), target: fc.constant("") }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("directory" as const), path, uid: fc.nat(9), target: fc.constant("") }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("symlink" as const), path, uid: fc.nat(9), target }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("hardLink" as const), path, uid: fc.nat(9), target: path }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("whiteout" as const), path, uid: fc.nat(9), target: fc.constant("") }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom("opaque" as const, "directory" as const),
      path: fc.oneof(path, fc.constant("")),
      uid: fc.nat(9),
      target: fc.constant(""),
    }),
  },
);

it("does what unpacking the layers one after the other into a map of paths does", () => {
  let refusals = 0;
  const check = (layers: ModelEntry[][]): void => {
    const model = new Model();
    let refused = false;
    try {
      layers.forEach((entries, layer) => {
        model.apply(entries, layer);
      });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refused = true;
      refusals++;
    }
    const merge = (): ReturnType<typeof mergeLayers> => mergeLayers(layers.map((entries) => layerOf(entries)));
    if (refused) {
      expect(merge).toThrow(InvalidLayerError);
      return;
    }
    const tree = dumpTree(merge());
    expect([...tree.keys()].sort()).toEqual([...model.nodes.keys()].sort());
    for (const [at, node] of model.nodes) {
      const { type, uid, target: to, linkCount, sameAs } = tree.get(at) ?? {};
      expect({ at, type, uid, to }).toEqual({ at, type: node.type, uid: node.uid, to: node.target });
      if (type === "directory") continue;
      expect(linkCount).toBe([...model.nodes.values()].filter((other) => other === node).length);
      expect(model.nodes.get(sameAs ?? "")).toBe(node);
    }
  };
  fc.assert(fc.property(fc.array(fc.array(entry, { maxLength: 12 }), { maxLength: 5 }), check), {
    numRuns: 5_000,
    seed: 20_261,
  });
  expect(refusals).toBeLessThan(4_000); // most stacks must get as far as the comparison
});
