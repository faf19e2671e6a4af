import { basename } from "node:path/posix";
import { addNginxConfiguration } from "../applications/nginx.js";
import { addPostgresFiles } from "../applications/postgres.js";
import { addJavaStart } from "../java/java-start.js";
import { addNodeStart } from "../node/node-start.js";
import type { Prediction } from "../prediction.js";
import { addPythonStart } from "../python/python-start.js";
import { findProgram } from "./program-search.js";
import { runShell } from "./run-shell.js";
import type { RunState } from "./run-state.js";
import { parseShebang } from "./shebang.js";

/** Programs that start one another. */
const maxDepth = 12;
/** Programs that run the rest of their command line. */
const wrappers =
  /^(env|tini|tini-static|dumb-init|docker-init|catatonit|gosu|su-exec|setpriv|nice|ionice|nohup|time|timeout|chroot|stdbuf|sudo|runuser)$/;
const shells = /^(sh|ash|dash|bash|busybox|ksh|zsh)$/;

/** Predicts what running a command line reads: its program, the interpreter of that, what they are known to load. */
export async function runCommand(words: readonly string[], prediction: Prediction, state?: RunState): Promise<void> {
  const { files, set, elf, workingDirectory } = prediction;
  const now = state ?? newState(prediction);
  const inode = findProgram(files, words[0] ?? "", now.environment, workingDirectory);
  const line = words.join("\0");
  if (inode === -1 || now.depth > maxDepth || now.ran.has(line)) return;
  now.ran.add(line);
  const next = { ...now, depth: now.depth + 1 };
  const shebang = parseShebang(await files.read(inode, 0, 256));
  if (shebang !== undefined) {
    set.addFile(inode);
    return await runCommand([...shebang, files.path(inode), ...words.slice(1)], prediction, next);
  }
  await elf.load(inode, "program");
  await followProgram(inode, words, prediction, next);
}

const newState = ({ environment }: Prediction): RunState => {
  return { depth: 0, environment, scripts: new Set(), ran: new Set(), run: runCommand };
};

async function followProgram(
  inode: number,
  words: readonly string[],
  prediction: Prediction,
  state: RunState,
): Promise<void> {
  const { files } = prediction;
  const called = basename(words[0] ?? "");
  const real = basename(files.path(inode));
  const args = words.slice(1);
  if (wrappers.test(called)) return await runCommand(wrapped(args, prediction, state), prediction, state);
  if (shells.test(called) || shells.test(real)) return await runShell(args, prediction, state);
  if (/^(node|nodejs)$/.test(real)) return await addNodeStart(args, prediction);
  if (/^python\d*(\.\d+)?$/.test(real)) return await addPythonStart(inode, words, prediction);
  if (real === "java") return await addJavaStart(inode, args, prediction, state.environment);
  if (/^(nginx|openresty)/.test(real)) return await addNginxConfiguration(args, prediction);
  if (/^(postgres|initdb)$/.test(real)) return await addPostgresFiles(inode, prediction);
  addNamedFiles(args, prediction);
}

/** The command line that a wrapper runs: from the first of its arguments on that names a program. */
function wrapped(
  args: readonly string[],
  { files, workingDirectory }: Prediction,
  { environment }: RunState,
): readonly string[] {
  const start = args.findIndex((word) => findProgram(files, word, environment, workingDirectory) !== -1);
  return start === -1 ? [] : args.slice(start);
}

const maxNamedBytes = 1024 * 1024;

/** Files that arguments name, such as `-c /etc/x.conf`: programs read what they are told of. */
function addNamedFiles(args: readonly string[], { files, set, workingDirectory }: Prediction): void {
  for (const word of args.slice(0, 100)) {
    const path = word.slice(word.indexOf("=") + 1);
    if (!path.includes("/")) continue;
    const inode = files.find(path, workingDirectory);
    if (files.isFile(inode) && files.sizeBytes(inode) <= maxNamedBytes) set.addFile(inode);
  }
}
