import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";

/** What Node throws when a system call fails. `path` of a file, or `address` and `port` of a socket; a socket in a file has its path as address. */
interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
  readonly address?: string;
  readonly port?: number;
}

export const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && "code" in error && typeof error.code === "string" && "syscall" in error;

/**
 * What an error of the system means, and the cure; undefined when there is nothing to add to its own words.
 *
 * Node says ENOENT of a folder that it shall make with its parents where nothing can be written; so the last folder that is there is asked why.
 *
 * @param access asks whether a folder may be written
 */
export function meaningOf(error: SystemError, access: typeof accessSync = accessSync): string | undefined {
  const { code, address, port } = error;
  if (code === "EADDRINUSE") {
    return `${placeOf(address, port)} is in use by another program: stop that one, or name another place to listen on`;
  }
  if (code === "EADDRNOTAVAIL") return `this machine has no address ${address ?? ""}: listen on one that it has`;
  const path = error.path ?? (address?.startsWith("/") ? address : undefined);
  if (path === undefined) return undefined;
  const isMade = code === "ENOENT" && error.syscall === "mkdir";
  return meaningAt(path, isMade ? refusalOf(nearest(path), access) : code, error.syscall);
}

const placeOf = (address: string | undefined, port: number | undefined): string =>
  port === undefined ? (address ?? "the address") : `${address ?? ""}:${port}`;

function meaningAt(path: string, code: string | undefined, syscall: string): string | undefined {
  const parent = nearest(path);
  if (code === "ENOTDIR") return `${parent} is a file, where a folder is needed for ${path}: name another place`;
  if (code === "ENOSPC" || code === "EDQUOT") return `no space is left for ${path}: free some, or name another place`;
  if (code === "EROFS") return `${path} cannot be written: ${parent} is read-only. Name another place`;
  if (code === "EACCES" || code === "EPERM") {
    return `${path}: user ${process.getuid?.() ?? "?"} may not do that (${syscall}): give the command as its owner or as root, or name another place`;
  }
  return undefined;
}

/** The path itself, or the last part of it that is there. */
function nearest(path: string): string {
  for (let at = path; ; at = dirname(at)) if (isThere(at) || at === dirname(at)) return at;
}

function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // who may not look at it is told of the folder above
  }
}

/** Why nothing can be made in the folder. */
function refusalOf(folder: string, access: typeof accessSync): string | undefined {
  try {
    access(folder, constants.W_OK);
    return undefined;
  } catch (error) {
    return isSystemError(error) ? error.code : undefined;
  }
}
