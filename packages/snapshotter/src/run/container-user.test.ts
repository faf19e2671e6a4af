import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lookUpUser, UnknownUserError } from "./container-user.js";

const passwd = `root:x:0:0:root:/root:/bin/bash
# a comment

broken line
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
app:x:1000:1001:App:/home/app:/bin/sh
`;
const group = `root:x:0:
www-data:x:33:app
video:x:44:root,app
app:x:1001:
app:x:1001:app
`;

describe("the user of a container", () => {
  let folder: string;
  let root: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "user-"));
    root = join(folder, "root");
    await mkdir(join(root, "etc"), { recursive: true });
    await writeFile(join(root, "etc/passwd"), passwd);
    await writeFile(join(root, "etc/group"), group);
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is root with its groups when the image names none", async () => {
    expect(await lookUpUser(root, "")).toMatchObject({ uid: 0, gid: 0, home: "/root", additionalGids: [44] });
  });

  it("is found by name and by number, with home and memberships", async () => {
    const app = { uid: 1000, gid: 1001, home: "/home/app", additionalGids: [33, 44, 1001] };
    expect(await lookUpUser(root, "app")).toMatchObject(app);
    expect(await lookUpUser(root, "1000")).toMatchObject(app);
  });

  it("takes the group that is named, by name or number, instead of the account's", async () => {
    expect(await lookUpUser(root, "app:video")).toMatchObject({ uid: 1000, gid: 44, additionalGids: [] });
    expect(await lookUpUser(root, "www-data:5000")).toMatchObject({ uid: 33, gid: 5000 });
    expect(await lookUpUser(root, ":44")).toMatchObject({ uid: 0, gid: 44 });
  });

  it("may be a number that no account has", async () => {
    expect(await lookUpUser(root, "4242")).toMatchObject({ uid: 4242, gid: 0, home: "/", additionalGids: [] });
  });

  it("needs no account files when it is numbers", async () => {
    await rm(join(root, "etc"), { recursive: true });
    expect(await lookUpUser(root, "7:8")).toMatchObject({ uid: 7, gid: 8 });
    expect(await lookUpUser(root, "")).toMatchObject({ uid: 0, gid: 0, home: "/root" });
  });

  it.each(["nobody-knows", "app:nobody-knows", "4294967295", "99999999999"])("refuses %s", async (user) => {
    await expect(lookUpUser(root, user)).rejects.toThrow(UnknownUserError);
  });

  it("does not look into the host's accounts through a symlink", async () => {
    await rm(join(root, "etc/passwd"));
    await writeFile(join(folder, "of-the-host"), passwd);
    await symlink(join(folder, "of-the-host"), join(root, "etc/passwd"));
    await expect(lookUpUser(root, "app")).rejects.toThrow(UnknownUserError);
  });
});
