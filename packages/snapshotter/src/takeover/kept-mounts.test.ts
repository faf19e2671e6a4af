import { describe, expect, it } from "vitest";
import type { MountEntry } from "../fuse/index.js";
import type { MountRecord } from "../mounts/mount-journal.js";
import { keptMounts } from "./kept-mounts.js";

const hex = (letter: string): string => letter.repeat(64);
const [a1, a2, b1] = [`${hex("a")}-1`, `${hex("a")}-2`, `${hex("b")}-3`];
const entry = (target: string, type: string, source: string, options = "ro"): MountEntry => ({
  mountId: 1,
  device: "0:1",
  ...{ target, type, source, options },
});
const lower = (name: string): MountEntry => entry(`/root/lower/${name}`, "erofs", `/root/run/fuse/${name}`);
const overlay = (target: string, name: string, source = "sluice-me"): MountEntry =>
  entry(target, "overlay", source, `rw,lowerdir=/root/lower/${name},upperdir=/root/w/upper,workdir=/root/w/work`);
const record = (mountpoint: string, letter: string, writable = false): MountRecord =>
  ({ mountpoint, artifact: `sha256:${hex(letter)}`, driver: "erofs", writable }) as MountRecord; // what is looked at
const kept = (table: readonly MountEntry[], records: readonly MountRecord[], disks = [a1, b1]) =>
  keptMounts({
    ...{ table, records, disks: new Set(disks) },
    ...{ session: "/root/run/fuse", lower: "/root/lower", overlaySource: "sluice-me" },
  });

describe("what a daemon keeps of the mounts of one that died", () => {
  it("is what the journal says, on a disk that is served and mounted", () => {
    const records = [record("/mnt/a", "a"), record("/mnt/rw", "a", true)];
    const view = entry("/mnt/a", "erofs", `/root/run/fuse/${a1}`);
    const { lowers, shown } = kept([lower(a1), view, overlay("/mnt/rw", a1)], records);
    expect([...lowers]).toEqual([[a1, `/root/lower/${a1}`]]);
    expect(shown).toEqual(records);
  });

  it("is no mount of a disk that could not be taken over", () => {
    const view = entry("/mnt/a", "erofs", `/root/run/fuse/${a1}`);
    const found = kept(
      [lower(a1), view, overlay("/mnt/rw", a1)],
      [record("/mnt/a", "a"), record("/mnt/rw", "a", true)],
      [b1],
    );
    expect(found).toEqual({ lowers: new Map(), shown: [] });
  });

  it("is no overlay on another disk of the same image, which nobody serves", () => {
    const found = kept([lower(a1), lower(a2), overlay("/mnt/rw", a2)], [record("/mnt/rw", "a", true)]);
    expect([...found.lowers.keys()]).toEqual([a1]);
    expect(found.shown).toEqual([]);
  });

  it("is nothing of another image, of others, or of another driver", () => {
    const other = [
      record("/mnt/a", "b"),
      record("/mnt/rw", "a", true),
      { ...record("/mnt/n", "a"), driver: "fuse-native" },
    ];
    const table = [
      lower(a1),
      lower(b1),
      entry("/mnt/a", "erofs", `/root/run/fuse/${a1}`),
      overlay("/mnt/rw", a1, "sluice-other"),
      entry("/mnt/n", "erofs", `/root/run/fuse/${a1}`),
    ];
    expect(kept(table, other).shown).toEqual([]);
  });

  it("is nothing that something else covers, or that is not there", () => {
    const view = entry("/mnt/a", "erofs", `/root/run/fuse/${a1}`);
    const found = kept(
      [lower(a1), view, entry("/mnt/a", "tmpfs", "tmpfs")],
      [record("/mnt/a", "a"), record("/gone", "a")],
    );
    expect(found.shown).toEqual([]);
  });
});
