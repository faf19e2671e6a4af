import { UsageError } from "../errors.js";
import type { ReadyCondition } from "./ready.js";

/** The flags of verbs that wait for a container to be ready. */
export interface ReadyFlags {
  readonly readyLine?: string;
  readonly readyHttp?: string;
}

/** @throws {UsageError} naming the verb */
export function readyOf({ readyLine, readyHttp }: ReadyFlags, verb: string): ReadyCondition {
  if (readyLine !== undefined && readyHttp !== undefined) {
    throw new UsageError(`${verb}: --ready-line and --ready-http exclude each other`);
  }
  if (readyLine !== undefined) return { kind: "line", text: readyLine };
  if (readyHttp === undefined) return { kind: "exit" };
  if (!URL.canParse(readyHttp) || !readyHttp.startsWith("http://")) {
    throw new UsageError(`${verb} --ready-http ${readyHttp}: expected a URL that starts with http://`);
  }
  return { kind: "http", url: readyHttp };
}
