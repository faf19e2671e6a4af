import { dirname } from "node:path/posix";
import { limits } from "../limits.js";
import type { Prediction } from "../prediction.js";
import { addClassPath } from "./class-path.js";
import { jimageHeaderBytes, packageRanges, parseJimageHeader } from "./jimage.js";
import { startPackages } from "./start-classes.js";

/** Files of a Java runtime that every start reads, relative to its directory. */
const runtimeFiles = [
  "lib/jvm.cfg",
  "lib/server/classes.jsa",
  "lib/tzdb.dat",
  "conf/security/java.security",
  "conf/net.properties",
  "conf/logging.properties",
];
/** Libraries that the class library loads in every start of a server. */
const runtimeLibraries = ["jimage", "java", "zip", "nio", "net", "extnet", "management", "management_ext", "jsvml"];
/** Options whose value is a word of its own. */
const withValue =
  /^(-cp|-classpath|--class-path|-p|--module-path|--add-modules|--add-opens|--add-exports|--add-reads|-m|--module)$/;

/** Predicts what `java` with these arguments reads: launcher, virtual machine, shared archive, the index of the class library, the class path. */
export async function addJavaStart(
  inode: number,
  args: readonly string[],
  prediction: Prediction,
  environment: ReadonlyMap<string, string>,
): Promise<void> {
  const { files, set, elf } = prediction;
  const home = dirname(dirname(files.path(inode)));
  await elf.load(files.findFile("lib/libjli.so", home), "library");
  await elf.load(files.findFile("lib/server/libjvm.so", home), "program");
  for (const path of runtimeFiles) set.addFile(files.findFile(path, home));
  for (const name of runtimeLibraries) await elf.load(files.findFile(`lib/lib${name}.so`, home), "library");
  await addClassLibrary(files.findFile("lib/modules", home), prediction);
  for (const classPath of classPathsOf(args, environment)) await addClassPath(classPath, prediction);
}

/** The index of the file that has all classes, and the packages that a start takes from it. */
async function addClassLibrary(modules: number, { files, set }: Prediction): Promise<void> {
  const header = parseJimageHeader(await files.read(modules, 0, jimageHeaderBytes));
  if (header === undefined) return;
  set.addRange(modules, 0, header.indexBytes);
  const index = await files.read(modules, 0, Math.min(header.indexBytes, limits.sourceBytes));
  for (const { start, end } of packageRanges(header, index, startPackages)) set.addRange(modules, start, end);
}

function classPathsOf(args: readonly string[], environment: ReadonlyMap<string, string>): readonly string[] {
  const found: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? "";
    const value = args[i + 1] ?? "";
    if (word === "-jar") return [value];
    if (/^(-cp|-classpath|--class-path|-p|--module-path)$/.test(word)) found.push(value);
    if (word === "org.apache.catalina.startup.Bootstrap") found.push(`${environment.get("CATALINA_HOME") ?? ""}/lib/*`);
    if (withValue.test(word)) i++;
  }
  return found.length > 0 ? found : [environment.get("CLASSPATH") ?? ""];
}
