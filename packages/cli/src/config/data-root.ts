import { join, resolve } from "node:path";
import type { Surroundings } from "../surroundings.js";

/** Where everything lies that the program keeps: `named`, else the system's place for root and the user's for others. */
export function dataRootOf(named: string | undefined, surroundings: Surroundings): string {
  if (named !== undefined) return resolve(surroundings.workingFolder, named);
  if (surroundings.isRoot) return "/var/lib/sluice";
  const dataHome = surroundings.environment["XDG_DATA_HOME"];
  return join(dataHome?.startsWith("/") ? dataHome : join(surroundings.homeFolder, ".local/share"), "sluice");
}
