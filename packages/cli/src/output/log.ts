import { Writable } from "node:stream";
import { type Logger, pino } from "pino";
import type { OutputStream } from "../surroundings.js";

const levelNames: Readonly<Record<number, string>> = { 10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error" };

/** Structured lines on `stderr`: JSON for a machine, `warn: message key=value` when a person watches. */
export function createLog(level: string, stderr: OutputStream): Logger {
  const options = { level, base: null };
  return pino(options, stderr.isTTY === true ? textLines(stderr) : stderr);
}

function textLines(stderr: OutputStream): Writable {
  return new Writable({
    decodeStrings: false,
    write: (line: string, _encoding, done) => {
      stderr.write(`${asText(line)}\n`, () => done());
    },
  });
}

/** A JSON log line in words. What is not one is passed on as it is. */
export function asText(line: string): string {
  const parsed: unknown = parsedOrUndefined(line);
  if (typeof parsed !== "object" || parsed === null) return line.trimEnd();
  const { level, time, msg, ...facts } = parsed as Record<string, unknown>; // an object, by the line above
  const clock = typeof time === "number" ? `${new Date(time).toISOString().slice(11, 23)} ` : "";
  const rest = Object.entries(facts).map(([key, value]) => ` ${key}=${shown(value)}`);
  return `${clock}${levelNames[Number(level)] ?? "info"}: ${msg ?? ""}${rest.join("")}`;
}

function parsedOrUndefined(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** An error by its message (its stack is for `--log-level debug` on a machine's log), all else as JSON. */
function shown(value: unknown): string {
  if (typeof value === "object" && value !== null && "message" in value) return String(value.message);
  return typeof value === "string" ? value : JSON.stringify(value);
}
