import { dirname } from "node:path/posix";
import type { Prediction } from "../prediction.js";
import { PythonModules } from "./module-graph.js";
import { pythonInstallation } from "./python-installation.js";

/** What every start of CPython imports that is not frozen into the interpreter, and what `site` looks at. */
const startModules = ["encodings", "encodings.aliases", "encodings.utf_8", "sitecustomize"];
/** Options whose value is a word of its own. */
const withValue = /^-[WX]$/;

/** Predicts what `python` with these words, its own name first, imports: its start, the script or module, and their imports. */
export async function addPythonStart(inode: number, words: readonly string[], prediction: Prediction): Promise<void> {
  const { files, environment, workingDirectory } = prediction;
  const installation = await pythonInstallation(files, inode, words[0] ?? "", environment);
  if (installation === undefined) return;
  const args = words.slice(1);
  const at = args.findIndex(
    (word, i) => (!word.startsWith("-") || /^-\w*[mc]$/.test(word)) && !withValue.test(args[i - 1] ?? ""),
  );
  const first = args[at] ?? "";
  const isModule = /^-\w*m$/.test(first);
  const script = isModule ? -1 : files.find(first, workingDirectory);
  const folder = isModule || script === -1 ? workingDirectory : dirname(files.path(script));
  const modules = new PythonModules(prediction, installation, [folder, ...installation.path]);
  for (const name of startModules) await modules.addModule(name);
  addPathFiles(installation.path, prediction);
  if (isModule) await addMainModule(args[at + 1] ?? "", modules);
  else if (files.isFile(script)) await modules.addScript(script);
  else if (script !== -1) await modules.addModule("__main__");
}

async function addMainModule(name: string, modules: PythonModules): Promise<void> {
  await modules.addModule("runpy");
  await modules.addModule(name);
  await modules.addModule(`${name}.__main__`);
}

/** `site` reads every `.pth` file of the directories. */
function addPathFiles(directories: readonly string[], { files, set }: Prediction): void {
  for (const directory of directories.filter((path) => path.endsWith("-packages"))) {
    const folder = files.find(directory);
    for (const name of files.names(folder)) if (name.endsWith(".pth")) set.addFile(files.findFile(name, directory));
  }
}
