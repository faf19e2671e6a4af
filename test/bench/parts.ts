import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "./figures.js";

/** What a bench printed into `NAME.json`; undefined when it was not run. */
export async function readPart<T>(directory: string, name: string): Promise<(Machine & T) | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, `${name}.json`), "utf8")) as Machine & T; // written by the bench of that name
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Of a bench that measures images: what was measured of them together, and what was measured of each. */
interface OfImages<Image> {
  readonly link: { readonly rate: string; readonly rtt: string };
  readonly images: Readonly<Record<string, Image>>;
}

/**
 * `NAME.json`, or all `NAME-IMAGE.json` together; undefined when there are none.
 *
 * @throws {Error} when they were made at different commits or over different links: their figures are no table
 */
export async function readImageParts<Image>(
  directory: string,
  name: string,
): Promise<(Machine & OfImages<Image>) | undefined> {
  const files = (await readdir(directory))
    .sort()
    .filter((file) => file.startsWith(`${name}-`) && file.endsWith(".json"));
  const names = files.map((file) => file.slice(0, -".json".length));
  const read = await Promise.all([name, ...names].map((part) => readPart<OfImages<Image>>(directory, part)));
  const parts = read.filter((part) => part !== undefined);
  const [first] = parts;
  for (const { commit, link } of parts) {
    if (commit === first?.commit && link.rate === first.link.rate && link.rtt === first.link.rtt) continue;
    throw new Error(
      `${directory}: ${[name, ...names].join(", ")} come from different commits or links; measure them again`,
    );
  }
  return first && { ...first, images: Object.assign({}, ...parts.map(({ images }) => images)) };
}
