import type { Prediction } from "../prediction.js";
import { maxEndRecordBytes, zipDirectoryStart } from "./jar-directory.js";

const maxJars = 2000;
/** Jars up to this size are predicted whole: scanning for annotations and services, as servers do, reads most of them. Bytes. */
const wholeJarBytes = 8 * 1024 * 1024;
/** Jars of translations, of which only the directory is read. */
const translations = /i18n|l10n|locale/;

/** Predicts the jar files of a class path as `java` understands it: files, and `DIRECTORY/*` for all jars of a directory. */
export async function addClassPath(classPath: string, prediction: Prediction): Promise<void> {
  const { files, workingDirectory } = prediction;
  let count = 0;
  for (const entry of classPath.split(":")) {
    const isPattern = entry.endsWith("/*");
    const directory = isPattern ? files.find(entry.slice(0, -1), workingDirectory) : -1;
    const jars = isPattern
      ? [...files.names(directory)]
          .filter((name) => name.endsWith(".jar"))
          .map((name) => files.findFile(name, files.path(directory)))
      : [files.findFile(entry, workingDirectory)];
    for (const jar of jars) if (jar !== -1 && ++count <= maxJars) await addJar(jar, prediction);
  }
}

async function addJar(jar: number, { files, set }: Prediction): Promise<void> {
  const sizeBytes = files.sizeBytes(jar);
  if (sizeBytes <= wholeJarBytes && !translations.test(files.path(jar))) return set.addFile(jar);
  const tailBytes = Math.min(maxEndRecordBytes, sizeBytes);
  const directory = zipDirectoryStart(await files.read(jar, sizeBytes - tailBytes, tailBytes));
  set.addRange(jar, 0, 4096);
  set.addRange(jar, directory ?? sizeBytes - tailBytes, sizeBytes);
}
