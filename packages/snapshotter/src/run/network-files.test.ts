import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { provideNetworkFiles } from "./network-files.js";

describe("the network files of a container", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "net-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("are the host's on the host's network", async () => {
    const files = await provideNetworkFiles(folder, "box", "host");
    expect(files.map((file) => file.destination)).toEqual(["/etc/resolv.conf", "/etc/hosts", "/etc/hostname"]);
    expect(await readFile(join(folder, "hosts"), "utf8")).toBe(await readFile("/etc/hosts", "utf8"));
    expect(await readFile(join(folder, "hostname"), "utf8")).toBe("box\n");
  });

  it("know only loopback without a network", async () => {
    await provideNetworkFiles(folder, "box", "none");
    expect(await readFile(join(folder, "resolv.conf"), "utf8")).toBe("");
    expect(await readFile(join(folder, "hosts"), "utf8")).toMatch(/^127\.0\.0\.1\tlocalhost box$/m);
  });
});
