import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { type Logger, pino } from "pino";
import type { LogLevel } from "../config/node-config.js";

export type { Logger } from "pino";

/** Two files of this size at most: an incident's worth of lines, and no disk ever filled by a log. Bytes. */
const defaultMaxLogBytes = 16 * 2 ** 20;

/** JSON lines on stderr, for a service manager that keeps them. */
export const createStderrLog = (level: LogLevel): Logger =>
  pino({ level, base: { pid: process.pid } }, pino.destination({ fd: 2, sync: true }));

/**
 * JSON lines in a file that is bounded: when it is full it becomes `path.1`, which the next one replaces.
 * Written at once, so that the last line before a crash is there.
 */
export function createFileLog(path: string, level: LogLevel, maxBytes: number = defaultMaxLogBytes): Logger {
  return pino({ level, base: { pid: process.pid } }, new BoundedFile(path, maxBytes));
}

/** Says nothing; for callers that bring no log. */
export const createSilentLog = (): Logger => pino({ level: "silent" });

class BoundedFile {
  readonly #path: string;
  readonly #maxBytes: number;
  #fd: number;
  #sizeBytes: number;

  constructor(path: string, maxBytes: number) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#fd = openSync(path, "a", 0o600);
    this.#sizeBytes = fstatSync(this.#fd).size;
  }

  /** A line that cannot be written (full disk) is lost: a log must never stop reads from being answered. */
  write(line: string): void {
    try {
      if (this.#sizeBytes + line.length > this.#maxBytes) this.#turn();
      this.#sizeBytes += writeSync(this.#fd, line);
    } catch {
      // nowhere to say it
    }
  }

  #turn(): void {
    renameSync(this.#path, `${this.#path}.1`);
    const fd = openSync(this.#path, "a", 0o600);
    closeSync(this.#fd);
    this.#fd = fd;
    this.#sizeBytes = 0;
  }
}
