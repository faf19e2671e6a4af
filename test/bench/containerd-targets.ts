import type { Machine } from "./figures.js";
import { readImageParts, readPart } from "./parts.js";
import { atLeast, atMost, type TargetLine } from "./target-line.js";

interface Figures {
  readonly "ready s": number;
  readonly "pull of nothing s": number;
}
interface Ways {
  readonly overlayfs: Figures;
  readonly sluice: Figures;
  readonly "optimized sluice": Figures;
}
interface ContainerdImage {
  readonly image: { readonly sizeBytes: number };
  readonly run: Pick<Figures, "ready s">;
  readonly "optimized run": Pick<Figures, "ready s">;
  /** By the version of containerd. */
  readonly through: Readonly<Record<string, Ways>>;
}
interface Together {
  readonly "one s": number;
  readonly "all s": number;
  readonly "fetched MB": number;
  readonly "link s": number;
  readonly "all unpacked s": number;
}
interface ManyPods {
  readonly pods: number;
  /** By the version of containerd. */
  readonly through: Readonly<Record<string, Together>>;
}

/** What the benches `containerd` and `many-pods` measured, as far as it is there. */
export interface ThroughContainerd {
  readonly containerd: (Machine & { readonly images: Readonly<Record<string, ContainerdImage>> }) | undefined;
  readonly manyPods: (Machine & ManyPods) | undefined;
}

export const readThroughContainerd = async (directory: string): Promise<ThroughContainerd> => ({
  containerd: await readImageParts<ContainerdImage>(directory, "containerd"),
  manyPods: await readPart<ManyPods>(directory, "many-pods"),
});

/** What is wanted of a start, and of many together. */
export const containerdLines = ({ containerd, manyPods }: ThroughContainerd): TargetLine[] => [
  ...Object.entries(containerd?.images ?? {}).flatMap(([name, image]) =>
    Object.entries(image.through).flatMap(([version, ways]) =>
      linesOf(`${name} through containerd ${version}`, image, ways),
    ),
  ),
  ...(manyPods ? manyPodsLines(manyPods) : []),
];

/** Smaller images are not worth five times. Bytes. */
const minBytesForFiveTimes = 300e6;

const linesOf = (what: string, image: ContainerdImage, ways: Ways): TargetLine[] => [
  againstRun(what, ways.sluice, image.run),
  againstRun(`${what}, optimized`, ways["optimized sluice"], image["optimized run"]),
  ...(image.image.sizeBytes < minBytesForFiveTimes
    ? []
    : [
        againstOverlayfs(what, ways.sluice, ways.overlayfs),
        againstOverlayfs(`${what}, optimized`, ways["optimized sluice"], ways.overlayfs),
      ]),
];

/** What containerd takes for a pull of which it fetches no layer, and asks us for none, is its own. */
const againstRun = (what: string, sluice: Figures, run: Pick<Figures, "ready s">): TargetLine =>
  atMost(
    `${what}, time to ready without containerd's own pull, times that of run`,
    (sluice["ready s"] - sluice["pull of nothing s"]) / run["ready s"],
    1.1,
  );

const againstOverlayfs = (what: string, sluice: Figures, overlayfs: Figures): TargetLine =>
  atLeast(`${what}, times faster than overlayfs`, overlayfs["ready s"] / sluice["ready s"], 5);

const manyPodsLines = ({ pods, through }: ManyPods): TargetLine[] =>
  Object.entries(through).map(([version, figures]) =>
    atMost(
      `${pods} pods together through containerd ${version}, time without the link's for their bytes, times that of one`,
      (figures["all s"] - figures["link s"]) / figures["one s"],
      1.3,
    ),
  );
