import { open } from "node:fs/promises";

/** Enough for a stack and some lines before it. Bytes. */
const tailBytes = 16 * 1024;

/** The last error that a log holds, else its last line; undefined when it is empty or absent. Lines may be JSON or Node's own plain text. */
export async function readLogEnd(path: string): Promise<string | undefined> {
  const lines = (await readTail(path)).split("\n").filter((line) => line.trim() !== "");
  const messages = lines.map(messageOf);
  return messages.findLast((message) => message.isError)?.text ?? messages.at(-1)?.text;
}

async function readTail(path: string): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return "";
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** pino's number for `error`. */
const errorLevel = 50;

function messageOf(line: string): { isError: boolean; text: string } {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null || !("level" in entry)) return plain(line);
    const text = "msg" in entry ? String(entry.msg) : line;
    const cause = "err" in entry && entry.err && typeof entry.err === "object" && "message" in entry.err;
    const detail = cause ? String((entry.err as { message: unknown }).message) : ""; // looked at on the line above
    return {
      isError: Number(entry.level) >= errorLevel,
      text: detail !== "" && !text.includes(detail) ? `${text}: ${detail}` : text,
    };
  } catch {
    return plain(line);
  }
}

const plain = (line: string): { isError: boolean; text: string } => ({
  isError: /^\w*Error\b/.test(line),
  text: line.trim(),
});
