import type { Artifact } from "@sluice/disk/artifact";

/** From this share of an image on a start waits nearly as long as for the image. AS13 */
const heavyShare = 0.5;
/** What comes within a second over 100 Mbit/s is worth no warning, be it all of the image. Bytes. */
const leastBytes = 12 * 10 ** 6;

/** A sentence about an image whose recorded starts read most of it; predictions prove nothing. */
export function heavyStartWarnings({
  startup,
  recordings,
  layers,
}: Pick<Artifact, "startup" | "recordings" | "layers">): readonly string[] {
  if (startup === undefined || recordings === 0 || startup.sizeBytes < leastBytes) return [];
  const share = startup.sizeBytes / layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (share < heavyShare) return [];
  return [
    `a start reads ${Math.round(share * 100)} % of the image: streaming gains it little; background.enabled on the nodes brings the rest before it is asked for`,
  ];
}
