import { describe, expect, it } from "vitest";
import { parseFilters } from "./snapshot-filter.js";
import type { SnapshotRecord } from "./snapshot-record.js";

const record = (name: string, labels: Record<string, string> = {}, parent = ""): SnapshotRecord => ({
  ...{ id: 1, name, kind: "committed", parent, labels },
  ...{ createdNs: 0n, updatedNs: 0n },
});
const base = record("sha256:base", { "containerd.io/gc.root": "2026", role: "base" });
const top = record("top/1", { "containerd.io/snapshot.ref": "sha256:top" }, "sha256:base");
const matching = (...filters: string[]): string[] => [base, top].filter(parseFilters(filters)).map(({ name }) => name);

describe("containerd's filters", () => {
  it("match everything when there are none, or one is empty", () => {
    expect(matching()).toHaveLength(2);
    expect(matching("")).toHaveLength(2);
  });

  it.each([
    [`name==sha256:base`, ["sha256:base"]],
    [`parent==""`, ["sha256:base"]],
    [`parent==sha256:base,kind==committed`, ["top/1"]],
    [`kind!=committed`, []],
    [`labels.role`, ["sha256:base"]],
    [`labels."containerd.io/snapshot.ref"==sha256:top`, ["top/1"]],
    [`labels."containerd.io/gc.root"`, ["sha256:base"]],
    [`name~=^top/[0-9]$`, ["top/1"]],
    [`name~=|^top|`, ["top/1"]],
    [`name~=(`, []],
    [`labels.toString`, []],
    [`unknown==x`, []],
  ])("match %s", (filter, names) => {
    expect(matching(filter)).toEqual(names);
  });

  it("match when any of several does", () => {
    expect(matching("name==top/1", "labels.role==base")).toEqual(["sha256:base", "top/1"]);
  });

  it.each(["name=x", "name==", `name=="open`, "==x", "name==a b", "name<x"])("refuse %j with its place", (filter) => {
    expect(() => parseFilters([filter])).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});
