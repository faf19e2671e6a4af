import { readFile } from "node:fs/promises";

interface Figures {
  readonly "ready s": number;
  readonly "pull s": number;
  readonly "empty pod s": number;
}
interface ContainerdImage {
  readonly image: { readonly sizeBytes: number };
  readonly overlayfs: Figures;
  readonly sluice: Figures;
  readonly run: Pick<Figures, "ready s">;
  readonly "optimized sluice": Figures;
  readonly "optimized run": Pick<Figures, "ready s">;
}

/** Smaller images are not worth five times. Bytes. */
const minBytesForFiveTimes = 300e6;

/** What is wanted of the starts that the bench `containerd` measured; nothing where it was not run. */
export async function containerdTargets(
  file: string,
): Promise<{ image: string; what: string; measured: number; most: number }[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return [];
  const { images } = JSON.parse(text) as { readonly images: Readonly<Record<string, ContainerdImage>> }; // written by the bench of that name
  return Object.entries(images).flatMap(([image, figures]) => [
    { image, ...againstRun("through containerd", figures.sluice, figures.run) },
    { image, ...againstRun("through containerd, optimized", figures["optimized sluice"], figures["optimized run"]) },
    ...(figures.image.sizeBytes < minBytesForFiveTimes
      ? []
      : (["sluice", "optimized sluice"] as const).map((way) => ({
          image,
          what: `through containerd, ${way}, seconds to ready against a fifth of overlayfs`,
          measured: figures[way]["ready s"],
          most: figures.overlayfs["ready s"] / 5,
        }))),
  ]);
}

/** containerd's own work comes on top: resolving the image, and the pod. */
const againstRun = (what: string, sluice: Figures, run: Pick<Figures, "ready s">) => ({
  what: `${what}, seconds to ready`,
  measured: sluice["ready s"],
  most: 1.1 * run["ready s"] + sluice["pull s"] + sluice["empty pod s"],
});
