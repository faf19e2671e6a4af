import { readFileInRoot } from "./path-in-root.js";

/** Whom the container's process runs as. */
export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

/** The image's config names a user or group that the image's own files do not know. */
export class UnknownUserError extends Error {
  override readonly name = "UnknownUserError";
  readonly code = "UNKNOWN_USER";
}

/** Far above any real account file; below what would hurt to hold. Bytes. */
const maxAccountFileBytes = 8 * 2 ** 20;
/** The kernel keeps (uid_t) -1 for "none". */
const maxId = 2 ** 32 - 2;

/**
 * Looks `user` up in the root's own /etc/passwd and /etc/group, read without following a symlink out of `root`.
 * The form is that of the OCI image configuration: `user`, `uid`, `user:group`, `uid:gid`, mixed, or empty for root.
 * A number that no account has is taken as it is, with group 0, as other engines do.
 *
 * @throws {UnknownUserError} for a name that the files do not hold, or a number out of range
 */
export async function lookUpUser(root: string, user: string): Promise<ContainerUser> {
  const [userPart = "", groupPart] = user.split(":", 2);
  const [passwd, group] = await Promise.all([
    readFileInRoot(root, "/etc/passwd", maxAccountFileBytes),
    readFileInRoot(root, "/etc/group", maxAccountFileBytes),
  ]);
  const account = findAccount(passwd ?? "", userPart === "" ? "0" : userPart);
  const groups = linesOf(group ?? "");
  if (groupPart !== undefined && groupPart !== "") {
    // A group that is named replaces the account's and its memberships.
    return { ...account, gid: findGid(groups, groupPart), additionalGids: [] };
  }
  return { ...account, additionalGids: membershipsOf(groups, account.name) };
}

type Account = Omit<ContainerUser, "additionalGids"> & { readonly name: string | undefined };

function findAccount(passwd: string, wanted: string): Account {
  const number = idOf(wanted);
  for (const [name, , uidText, gidText, , home] of linesOf(passwd)) {
    const uid = idOf(uidText);
    const gid = idOf(gidText);
    if (uid === undefined || gid === undefined || !name) continue;
    if (name === wanted || uid === number) return { name, uid, gid, home: home || "/" };
  }
  if (number === undefined) throw unknown("user", wanted, "/etc/passwd");
  return { name: undefined, uid: number, gid: 0, home: number === 0 ? "/root" : "/" };
}

function findGid(groups: readonly string[][], wanted: string): number {
  const named = groups.find(([name]) => name === wanted);
  const gid = idOf(named?.[2]) ?? idOf(wanted);
  if (gid === undefined) throw unknown("group", wanted, "/etc/group");
  return gid;
}

function membershipsOf(groups: readonly string[][], user: string | undefined): number[] {
  if (user === undefined) return [];
  const gids = groups
    .filter(([, , , members]) => members?.split(",").includes(user))
    .map(([, , gid]) => idOf(gid))
    .filter((gid) => gid !== undefined);
  return [...new Set(gids)];
}

const linesOf = (text: string): string[][] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));

function idOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= maxId ? id : undefined;
}

const unknown = (kind: "user" | "group", wanted: string, file: string): UnknownUserError =>
  new UnknownUserError(
    `the image's config wants ${kind} ${JSON.stringify(wanted)}, which its ${file} does not know: give a number, or mend the image`,
  );
