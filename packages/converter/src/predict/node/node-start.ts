import type { Prediction } from "../prediction.js";
import { ModuleGraph } from "./module-graph.js";

/** Options of Node whose value is a word of its own. */
const withValue =
  /^(-r|--require|--import|--loader|--experimental-loader|-C|--conditions|--env-file|--max-old-space-size|--title|--icu-data-dir)$/;
const preloads = /^(-r|--require|--import)$/;

/** Predicts what `node` with these arguments loads: modules to preload, the main script and all that it requires. */
export async function addNodeStart(args: readonly string[], prediction: Prediction): Promise<void> {
  const { files, workingDirectory } = prediction;
  const graph = new ModuleGraph(prediction);
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? "";
    if (preloads.test(word))
      await graph.addFrom(args[i + 1] ?? "", files.path(Math.max(0, files.find(workingDirectory))));
    if (withValue.test(word)) i++;
    else if (/^(-e|--eval|-p|--print)$/.test(word)) return;
    else if (!word.startsWith("-")) return await graph.addMain(word, workingDirectory);
  }
}
