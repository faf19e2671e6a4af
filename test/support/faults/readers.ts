import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A read that failed, or gave wrong bytes. Milliseconds since 1970. */
export interface BadRead {
  readonly kind: "error" | "wrong";
  readonly code?: string;
  readonly file: number;
  readonly offset?: number;
  readonly startMs: number;
  readonly endMs: number;
}

interface ReadersEnd {
  readonly reads: number;
  readonly bytesRead: number;
  readonly bad: readonly BadRead[];
}

/** Readers in a process of their own. */
export interface Readers {
  readonly pid: number;
  /** Ends them after the reads under way. @throws {Error} if they do not end in time: a read waits for ever */
  stop(timeoutMs: number): Promise<ReadersEnd>;
}

export interface ReadersOptions {
  readonly mountpoint: string;
  readonly files: number;
  readonly fileBytes: number;
  readonly readers: number;
  readonly seed: number;
}

type Line = BadRead | { readonly kind: "end"; readonly reads: number; readonly bytesRead: number };

const script = fileURLToPath(new URL("./reading-process.mjs", import.meta.url));

export function startReaders({ mountpoint, files, fileBytes, readers, seed }: ReadersOptions): Readers {
  const child = spawn(process.execPath, [script, mountpoint, ...[files, fileBytes, readers, seed].map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, UV_THREADPOOL_SIZE: String(2 * readers) },
  });
  let text = "";
  child.stdout.on("data", (bytes: Buffer) => {
    text += bytes.toString();
  });
  return {
    pid: child.pid ?? 0,
    stop: async (timeoutMs) => {
      const ended = once(child, "close", { signal: AbortSignal.timeout(timeoutMs) });
      child.kill("SIGTERM");
      await ended.catch((error: unknown) => {
        child.kill("SIGKILL");
        throw new Error(`readers do not end within ${timeoutMs} ms: a read waits for ever`, { cause: error });
      });
      const lines = text.split("\n").filter((line) => line !== "");
      const parsed = lines.map((line) => JSON.parse(line) as Line); // what reading-process.mjs prints
      const bad = parsed.filter((line): line is BadRead => line.kind !== "end");
      const end = parsed.find((line) => line.kind === "end");
      if (end?.kind !== "end") throw new Error(`readers ended without a word: ${text.slice(-300)}`);
      return { reads: end.reads, bytesRead: end.bytesRead, bad };
    },
  };
}
