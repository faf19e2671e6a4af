import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readCertsDirectory } from "./certs-directory.js";
import { hostRouting } from "./host-routing.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "certs-"));
});
afterEach(() => rm(root, { recursive: true }));

const put = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
};
const problems: string[] = [];
const read = (host: string) => readCertsDirectory(root, host, (error) => problems.push(error.message));
const mirrorOf = async (host: string) => (await read(host))?.mirrors[0]?.origin?.host;

describe("containerd's folder of hosts", () => {
  it("is looked through as containerd does: the port written out, the plain name, then the default", async () => {
    expect(await read("r.example:5000")).toBeUndefined();
    await put("_default/hosts.toml", "[host.default]");
    expect(await mirrorOf("r.example:5000")).toBe("default");
    await put("r.example:5000/hosts.toml", "[host.plain]");
    expect(await mirrorOf("r.example:5000")).toBe("plain");
    await put("r.example_5000_/hosts.toml", "[host.written]");
    expect(await mirrorOf("r.example:5000")).toBe("written");
    expect(await mirrorOf("r.example")).toBe("default");
  });

  it("takes docker's certificates where there is no hosts.toml, and where it cannot be read", async () => {
    await put("r.example/a.crt", "");
    await put("r.example/b.cert", "");
    await put("r.example/b.key", "");
    const folder = join(root, "r.example");
    const certificates = {
      caFiles: [join(folder, "a.crt")],
      clientFiles: [[join(folder, "b.cert"), join(folder, "b.key")]],
    };
    expect((await read("r.example"))?.server).toMatchObject(certificates);
    await put("r.example/hosts.toml", "[host.");
    problems.length = 0;
    expect((await read("r.example"))?.server).toMatchObject(certificates);
    expect(problems[0]).toContain(join(folder, "hosts.toml"));
  });

  it("never leaves itself, whatever a host is called", async () => {
    await put("_default/hosts.toml", "[host.default]");
    await put("a/hosts.toml", "[host.a]");
    for (const host of ["../a", "..", "x/../a"]) expect(await mirrorOf(host)).toBe("default");
  });
});

describe("the routes of a node", () => {
  it("put its own mirrors before those of the folder, and tell a problem once", async () => {
    await put("r.example/hosts.toml", '[host.second]\n[host."third"]');
    await put("bad.example/hosts.toml", "[");
    const told: string[] = [];
    const routing = hostRouting({
      certsDirectory: root,
      mirrors: { "r.example": ["http://first:1/x"], "*": ["https://all"] },
      onProblem: (error) => told.push(error.message),
    });
    const hosts = async (host: string) => (await routing.routesOf(host))?.mirrors.map(({ origin }) => origin?.host);
    expect(await hosts("r.example")).toEqual(["first:1", "second", "third"]);
    expect(await hosts("other.example")).toEqual(["all"]);
    expect(await hosts("bad.example")).toEqual(["all"]);
    await hosts("bad.example");
    expect(told).toHaveLength(1);
  });
});
