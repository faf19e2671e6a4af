import type { DiskRun } from "@sluice/disk";
import { runCommand } from "./command/run-command.js";
import { LimitReached } from "./limits.js";
import type { PredictableImage } from "./predictable-image.js";
import { bytesText, newPrediction, type Prediction } from "./prediction.js";
import { addSystemFiles } from "./system-files.js";

/**
 * The blocks of an image's disk that a start of its container is expected to read, in order of first use: what its command, the interpreters
 * and libraries of that, and the modules of its program are, as far as reading them tells. Equal images give equal predictions; an image whose start cannot be
 * told gives a short one or none. Throws only what `image.read` throws.
 */
export async function predictStartup(image: PredictableImage): Promise<readonly DiskRun[]> {
  const prediction = newPrediction(image);
  try {
    await predict(prediction, image);
  } catch (error) {
    if (!(error instanceof LimitReached)) throw error;
  }
  return prediction.set.runs;
}

async function predict(prediction: Prediction, image: PredictableImage): Promise<void> {
  const { entrypoint, command } = image.config.container;
  await runCommand([...entrypoint, ...command].map(bytesText), prediction);
  addSystemFiles(prediction);
}
