import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { collect, noise } from "../testing/repository-suite.js";
import { TestRegistry } from "../testing/test-registry.js";
import { RegistryClient } from "./registry-client.js";
import { secretFileCredentials } from "./secret-files.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "secrets-"));
});
afterEach(() => rm(folder, { recursive: true }));

const secret = (host: string, username: string, password = "p"): string =>
  JSON.stringify({ auths: { [host]: { auth: Buffer.from(`${username}:${password}`).toString("base64") } } });
const userFor = async (host: string, repository = "team/app", path = folder): Promise<string | undefined> => {
  const { credentials } = await secretFileCredentials([path]).find(host, repository);
  return credentials?.kind === "password" ? credentials.username : undefined;
};

describe("the credentials of Kubernetes secrets", () => {
  it("are read from a file, a folder of files, and a folder of mounted secrets", async () => {
    await writeFile(join(folder, "a.json"), secret("a.example", "ann"));
    await mkdir(join(folder, "regcred"));
    await writeFile(join(folder, "regcred", ".dockerconfigjson"), secret("b.example", "bob"));
    await writeFile(join(folder, "notes.txt"), secret("c.example", "eve"));
    expect(await userFor("a.example")).toBe("ann");
    expect(await userFor("b.example")).toBe("bob");
    expect(await userFor("c.example")).toBeUndefined();
    expect(await userFor("a.example", "x", join(folder, "a.json"))).toBe("ann");
    expect(await userFor("a.example", "x", join(folder, "absent"))).toBeUndefined();
  });

  it("follow a secret that the kubelet swaps", async () => {
    for (const name of ["..1", "..2"]) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, ".dockerconfigjson"), secret("a.example", name));
    }
    await symlink("..1", join(folder, "..data"));
    await symlink("..data/.dockerconfigjson", join(folder, ".dockerconfigjson"));
    expect(await userFor("a.example")).toBe("..1");
    await symlink("..2", join(folder, "..new"));
    await rename(join(folder, "..new"), join(folder, "..data"));
    expect(await userFor("a.example")).toBe("..2");
  });

  it("match hosts and paths as the kubelet does", async () => {
    await writeFile(
      join(folder, "a.json"),
      JSON.stringify({
        auths: {
          "*.example.com": { username: "glob", password: "p" },
          "*.example.com/team": { username: "team", password: "p" },
          "r.example:5000": { username: "port", password: "p" },
        },
      }),
    );
    expect(await userFor("a.example.com", "x")).toBe("glob");
    expect(await userFor("a.example.com", "team/app")).toBe("team");
    expect(await userFor("a.b.example.com")).toBeUndefined();
    expect(await userFor("aXexample.com")).toBeUndefined();
    expect(await userFor("r.example:5000")).toBe("port");
    expect(await userFor("r.example")).toBeUndefined();
  });

  it("count from the next authentication on when they are rotated, without a new client", async () => {
    const bytes = noise(1000);
    const login = { username: "ann", password: "new" };
    await using registry = await TestRegistry.start({ access: { kind: "token", ...login } });
    const digest = registry.store.repository("app").putBlob(bytes);
    await writeFile(join(folder, "a.json"), secret(registry.host, "ann", "old"));
    await using client = new RegistryClient({
      credentials: secretFileCredentials([folder]),
      retry: { firstDelayMs: 1 },
    });
    const read = () => collect(client.repository(registry.host, "app").readBlobRange(digest, { start: 0, end: 1000 }));
    await expect(read()).rejects.toMatchObject({ code: "UNAUTHORIZED", message: expect.stringContaining("a.json") });
    await writeFile(join(folder, "a.json"), secret(registry.host, "ann", "new"));
    expect(await read()).toHaveLength(1000);
  });
});
