import { dirname } from "node:path/posix";
import type { Prediction } from "../prediction.js";
import { maxEndRecordBytes, zipDirectoryStart } from "./jar-directory.js";
import { manifestClassPath } from "./jar-manifest.js";

const maxJars = 2000;
/** Jars up to this size are predicted whole: scanning for annotations and services, as servers do, reads most of them. Bytes. */
const wholeJarBytes = 8 * 1024 * 1024;
/** Jars of translations, of which only the directory is read. */
const translations = /i18n|l10n|locale/;

/** Predicts the jar files of a class path as `java` understands it, `DIRECTORY/*` for all jars of one, and those that their manifests name. */
export async function addClassPath(classPath: string, prediction: Prediction): Promise<void> {
  const { files, workingDirectory } = prediction;
  const waiting = classPath.split(":").flatMap((entry) => jarsOf(entry, workingDirectory, prediction));
  const seen = new Set<number>();
  for (const jar of waiting) {
    if (jar === -1 || seen.has(jar) || seen.size >= maxJars) continue;
    seen.add(jar);
    for (const path of await addJar(jar, prediction)) waiting.push(files.findFile(path, dirname(files.path(jar))));
  }
}

function jarsOf(entry: string, workingDirectory: string, { files }: Prediction): number[] {
  if (!entry.endsWith("/*")) return [files.findFile(entry, workingDirectory)];
  const directory = files.find(entry.slice(0, -1), workingDirectory);
  const names = [...files.names(directory)].filter((name) => name.endsWith(".jar"));
  return names.map((name) => files.findFile(name, files.path(directory)));
}

/** @returns the class path of its manifest */
async function addJar(jar: number, { files, set }: Prediction): Promise<readonly string[]> {
  const sizeBytes = files.sizeBytes(jar);
  const tailStart = Math.max(0, sizeBytes - maxEndRecordBytes);
  const directory = zipDirectoryStart(await files.read(jar, tailStart, maxEndRecordBytes)) ?? tailStart;
  if (sizeBytes <= wholeJarBytes && !translations.test(files.path(jar))) set.addFile(jar);
  else {
    set.addRange(jar, 0, 4096);
    set.addRange(jar, directory, sizeBytes);
  }
  return await manifestClassPath(files, jar, directory);
}
