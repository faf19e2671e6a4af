import type { Prediction } from "../prediction.js";

/**
 * What modules read of their packages as they are imported, beside the modules: files, or all files of folders; below the package's directory. Without a
 * cache in the home directory, which a new container lacks, matplotlib looks at every font that it has.
 */
const dataOf: Readonly<Record<string, readonly string[]>> = {
  matplotlib: ["mpl-data/matplotlibrc", "mpl-data/stylelib"],
  "matplotlib.font_manager": ["mpl-data/fonts/ttf", "mpl-data/fonts/afm", "mpl-data/fonts/pdfcorefonts"],
};

/** Predicts the data of a module; `directory` is that of its package. */
export function addPackageData(module: string, directory: string, { files, set }: Prediction): void {
  for (const path of (Object.hasOwn(dataOf, module) && dataOf[module]) || []) {
    const inode = files.find(path, directory);
    if (files.isFile(inode)) set.addFile(inode);
    for (const name of files.names(inode)) set.addFile(files.findFile(name, files.path(inode)));
  }
}
