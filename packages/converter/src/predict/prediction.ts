import { ElfLoader } from "./elf/elf-loader.js";
import { ImageFiles } from "./image-files.js";
import type { PredictableImage } from "./predictable-image.js";
import { StartupSet } from "./startup-set.js";

/** One prediction under way: what every rule reads from and adds to. */
export interface Prediction {
  readonly files: ImageFiles;
  readonly set: StartupSet;
  readonly elf: ElfLoader;
  readonly environment: ReadonlyMap<string, string>;
  /** Of the container. */
  readonly workingDirectory: string;
}

export function newPrediction(image: PredictableImage): Prediction {
  const files = new ImageFiles(image);
  const set = new StartupSet(image);
  const environment = environmentOf(image.config.container.environment);
  const elf = new ElfLoader(files, set, environment);
  return { files, set, elf, environment, workingDirectory: bytesText(image.config.container.workingDirectory) || "/" };
}

function environmentOf(lines: readonly string[]): ReadonlyMap<string, string> {
  const variables = lines.map((line): [string, string] => {
    const end = line.indexOf("=");
    return end === -1 ? [line, ""] : [line.slice(0, end), bytesText(line.slice(end + 1))];
  });
  return new Map(variables);
}

/** Text as the bytes of its UTF-8, a character each: how {@link ImageFiles} names paths. */
export const bytesText = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
