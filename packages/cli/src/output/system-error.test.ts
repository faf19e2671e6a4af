import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { failureOf } from "./failure.js";
import { meaningOf } from "./system-error.js";

describe("an error of the system as the caller sees it", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-error-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const messageOf = async (work: Promise<unknown>): Promise<string> =>
    failureOf(await work.then(undefined, (error: unknown) => error)).message;

  it("names the file that stands where a folder is needed", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    const wanted = `${file} is a file, where a folder is needed for ${file}/index.json: name another place`;
    expect(await messageOf(readFile(`${file}/index.json`))).toContain(wanted);
    const socket = connect(`${file}/run/daemon.sock`);
    expect(await messageOf(once(socket, "connect"))).toContain(`${file} is a file, where a folder is needed`);
  });

  it("says who has the address that it should listen on", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const second = createServer().listen(port, "127.0.0.1");
    expect(await messageOf(once(second, "listening"))).toMatch(
      `127.0.0.1:${port} is in use by another program: stop that one`,
    );
    server.close();
  });

  it("asks the file system why a folder with its parents cannot be made, of which Node says ENOENT", () => {
    const path = join(folder, "root", "log");
    const error = Object.assign(new Error("ENOENT: no such file or directory, mkdir"), {
      code: "ENOENT",
      syscall: "mkdir",
      path,
    });
    const refusing = (code: string) => (asked: unknown) => {
      expect(asked).toBe(folder);
      throw Object.assign(new Error(code), { code, syscall: "access" });
    };
    expect(meaningOf(error, refusing("EROFS"))).toBe(
      `${path} cannot be written: ${folder} is read-only. Name another place`,
    );
    expect(meaningOf(error, refusing("EACCES"))).toMatch(/may not do that \(mkdir\)/);
    expect(meaningOf(error)).toBeUndefined();
  });

  it("leaves a path alone that is simply not there", async () => {
    expect(await messageOf(readFile(join(folder, "none")))).toBe(
      `ENOENT: no such file or directory, open '${folder}/none'`,
    );
  });

  it.each([
    ["EROFS", "open", /cannot be written: .* is read-only\. Name another place/],
    ["EACCES", "mkdir", /user \d+ may not do that \(mkdir\)/],
    ["ENOSPC", "write", /no space is left for .*: free some/],
  ])("tells the cure of %s", (code, syscall, wanted) => {
    const error = Object.assign(new Error(`${code}: refused, ${syscall}`), {
      code,
      syscall,
      path: join(folder, "x", "y"),
    });
    expect(failureOf(error).message).toMatch(wanted);
    expect(failureOf(error).code).toBe(code);
  });
});
