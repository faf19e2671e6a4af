import type { DiskRun } from "@sluice/disk";
import { runCommand } from "./command/run-command.js";
import type { PredictableImage } from "./predictable-image.js";
import { bytesText, newPrediction, type Prediction } from "./prediction.js";
import { addSystemFiles } from "./system-files.js";

/**
 * The blocks of an image's disk that a start of its container is expected to read, in order of first use: what its command, the interpreters
 * and libraries of that, and the modules of its program are, as far as reading them tells. Equal images give equal predictions; an image whose start cannot be
 * told gives a short one or none, as does one that a rule fails on: a prediction is no reason to refuse an image. Throws only what `image.read` throws.
 */
export async function predictStartup(image: PredictableImage): Promise<readonly DiskRun[]> {
  const failures: unknown[] = [];
  const read: PredictableImage["read"] = async (inode, offset, length) => {
    try {
      return await image.read(inode, offset, length);
    } catch (error) {
      failures.push(error);
      throw error;
    }
  };
  const prediction = newPrediction({ ...image, read });
  await predict(prediction, image).catch(() => {}); // a limit, or a rule that an odd file is too much for
  if (failures.length > 0) throw failures[0];
  return prediction.set.runs;
}

async function predict(prediction: Prediction, image: PredictableImage): Promise<void> {
  const { entrypoint, command } = image.config.container;
  addSystemFiles(prediction); // first: the loader of the first program reads its cache
  await runCommand([...entrypoint, ...command].map(bytesText), prediction);
}
