import { readFileSync } from "node:fs";

/** The version in package.json. */
export function versionOfProgram(): string {
  const described: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof described === "object" && described !== null && "version" in described ? String(described.version) : "";
}
