import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import type { Context } from "../context.js";
import { examples, type Runner } from "../verb.js";

interface LogsFlags {
  readonly lines: number;
  readonly follow?: boolean;
}

/** Read from the end of the log: some thousand lines. Bytes. */
const tailBytes = 1024 * 1024;
const pollMs = 250;

/** `sluice daemon logs`: the last lines of the daemon's log, as it wrote them. */
export function daemonLogsCommand(run: Runner): Command {
  return new Command("logs")
    .description("the last lines of its log")
    .option("-n, --lines <count>", "how many", parseCount, 100)
    .option("-f, --follow", "go on with the lines that come")
    .addHelpText("after", examples("sluice daemon logs -f"))
    .action(run(showLogs));
}

function parseCount(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("expected a number of lines");
  return Number(text);
}

async function showLogs(context: Context, flags: LogsFlags): Promise<void> {
  const { NodePaths } = await import("@sluice/snapshotter/client");
  const { output, settings, signal } = context;
  const path = new NodePaths(settings.root).log;
  const { text, end } = await readFrom(path, -tailBytes);
  const lines = text.split("\n").filter((line) => line !== "");
  const shown = flags.lines === 0 ? [] : lines.slice(-flags.lines);
  output.result({ path, lines: shown.map(parsedLine) }, () => shown.join("\n"));
  let offset = end;
  while (flags.follow === true) {
    await sleep(pollMs, undefined, { signal });
    const more = await readFrom(path, offset);
    output.data(more.text);
    offset = more.end;
  }
}

/** From `offset` to the end; a negative offset counts from the end. A log that was begun anew is read from its start. */
async function readFrom(path: string, offset: number): Promise<{ readonly text: string; readonly end: number }> {
  const file = await openIfThere(path);
  if (file === undefined) return { text: "", end: 0 };
  try {
    const { size } = await file.stat();
    const start = offset < 0 ? Math.max(0, size + offset) : offset <= size ? offset : 0;
    const buffer = Buffer.alloc(size - start);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    return { text: buffer.toString("utf8", 0, bytesRead), end: start + bytesRead };
  } finally {
    await file.close();
  }
}

async function openIfThere(path: string): Promise<Awaited<ReturnType<typeof open>> | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** The daemon writes JSON, with milliseconds since 1970, which are shown as RFC 3339; what Node itself writes when it dies is text. */
function parsedLine(line: string): unknown {
  try {
    const parsed = JSON.parse(line) as { readonly time?: unknown } | null; // its other fields go through as they are
    if (typeof parsed !== "object" || typeof parsed?.time !== "number") return parsed;
    return { ...parsed, time: new Date(parsed.time).toISOString() };
  } catch {
    return line;
  }
}
