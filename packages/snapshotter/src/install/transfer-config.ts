import type { WantedElement } from "./marked-lines.js";
import { snapshotterName } from "./snapshotter-name.js";

/** For which snapshotters containerd's transfer service unpacks what it pulls. Known to 1.7 and 2.x; a list that is there takes the place of containerd's own. */
export const unpackConfigTable: readonly string[] = ["plugins", "io.containerd.transfer.v1.local", "unpack_config"];

const platform = "linux/amd64";

/**
 * What the list lacks for `ctr images pull --snapshotter sluice`. containerd's own default stays in it: who names no snapshotter gets what he got before.
 *
 * @param configured the value in the file
 * @param text of the file: a list written inline cannot get another element at the end of the file, and is left as somebody wanted it
 */
export function unpackConfigs(configured: unknown, text: string): readonly WantedElement[] {
  const known: unknown[] = Array.isArray(configured) ? configured : [];
  if (configured !== undefined && !/^\s*\[\[[^\]]*\bunpack_config\b/m.test(text)) return [];
  if (known.some((one) => nameIn(one) === snapshotterName)) return [];
  return [...(configured === undefined ? [element("overlayfs")] : []), element(snapshotterName)];
}

const element = (snapshotter: string): WantedElement => ({
  array: unpackConfigTable,
  values: {
    platform: JSON.stringify(platform),
    snapshotter: JSON.stringify(snapshotter),
    differ: '"walking"', // containerd's default
  },
});

const nameIn = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "snapshotter" in value ? value.snapshotter : undefined;
