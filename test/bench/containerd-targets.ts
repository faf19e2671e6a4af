import { atMost, type TargetLine } from "./target-line.js";

interface Figures {
  readonly "ready s": number;
  readonly "pull s": number;
  readonly "pull of nothing s": number;
}
export interface ContainerdImage {
  readonly image: { readonly sizeBytes: number };
  readonly overlayfs: Figures;
  readonly sluice: Figures;
  readonly run: Pick<Figures, "ready s">;
  readonly "optimized sluice": Figures;
  readonly "optimized run": Pick<Figures, "ready s">;
}

interface Containerd {
  readonly images: Readonly<Record<string, ContainerdImage>>;
}

/** Smaller images are not worth five times. Bytes. */
const minBytesForFiveTimes = 300e6;

/**
 * What is wanted of the starts that the bench `containerd` measured.
 *
 * @param through which containerd
 */
export function containerdLines({ images }: Containerd, through: string): TargetLine[] {
  return Object.entries(images).flatMap(([image, figures]) => [
    againstRun(`${image}: through ${through}`, figures.sluice, figures.run),
    againstRun(`${image}: through ${through}, optimized`, figures["optimized sluice"], figures["optimized run"]),
    ...(figures.image.sizeBytes < minBytesForFiveTimes
      ? []
      : (["sluice", "optimized sluice"] as const).map((way) =>
          atMost(
            `${image}: through ${through}, ${way}, seconds to ready against a fifth of overlayfs`,
            figures[way]["ready s"],
            figures.overlayfs["ready s"] / 5,
          ),
        )),
  ]);
}

/** What containerd takes for a pull of which it fetches no layer, and asks us for none, comes on top. */
const againstRun = (what: string, sluice: Figures, run: Pick<Figures, "ready s">): TargetLine =>
  atMost(`${what}, seconds to ready`, sluice["ready s"], 1.1 * run["ready s"] + sluice["pull of nothing s"]);
