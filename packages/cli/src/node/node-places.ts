import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";

/** Where things lie on the machine that is made a node. */
export interface NodePlaceFlags {
  readonly containerdConfig: string;
  readonly rootFs: string;
  readonly socket: string;
  readonly activate: boolean;
}

/** The same, absolute, with the data root. */
export interface NodePlaces extends NodePlaceFlags {
  readonly dataRoot: string;
}

/** Absolute on that machine, but for `rootFs`, which is where its root lies here. @throws {UsageError} for a path that is not */
export function nodePlaces({ settings, surroundings }: Context, flags: NodePlaceFlags): NodePlaces {
  const { activate, containerdConfig, rootFs, socket } = flags;
  for (const [flag, path] of [
    ["--containerd-config", containerdConfig],
    ["--socket", socket],
  ] as const) {
    if (!path.startsWith("/"))
      throw new UsageError(`${flag} ${path}: expected a path from the root, such as /run/x.sock`);
  }
  return {
    rootFs: resolve(surroundings.workingFolder, rootFs),
    containerdConfig,
    socket,
    dataRoot: settings.root,
    activate,
  };
}

/** How a service starts this program. */
export const programEntry = (): readonly string[] => [
  process.execPath,
  fileURLToPath(new URL("../../bin/sluice.js", import.meta.url)),
];
