import { dirname } from "node:path/posix";
import type { Prediction } from "../prediction.js";
import { addClassPath } from "./class-path.js";
import { jimageHeaderBytes, jimageIndexBytes } from "./jimage.js";

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
const runtimeLibraries = ["jimage", "java", "zip", "nio", "net", "extnet", "management", "management_ext", "verify"];
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
  const modules = files.findFile("lib/modules", home);
  set.addRange(modules, 0, jimageIndexBytes(await files.read(modules, 0, jimageHeaderBytes)) ?? 0);
  for (const classPath of classPathsOf(args, environment)) await addClassPath(classPath, prediction);
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
