import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkMachine } from "./check-machine.js";

describe("the check of a machine", () => {
  it("says of each thing whether it is there, and why or what would cure it", async () => {
    const { ok, findings } = await checkMachine();
    expect(findings.map(({ name }) => name)).toEqual([
      ...["fuse", "erofs", "erofs-file", "resend", "overlay", "runc", "containerd", "libfuse2"],
    ]);
    for (const { detail } of findings) expect(detail).not.toBe("");
    const isOk = (wanted: string): boolean => findings.find(({ name }) => name === wanted)?.ok ?? false;
    expect(ok).toBe(isOk("erofs") || isOk("libfuse2"));
  });

  it("finds programs that may be run, on the path that it is given", async () => {
    const folder = await mkdtemp(join(tmpdir(), "check-"));
    try {
      await writeFile(join(folder, "containerd"), "");
      const found = async () =>
        (await checkMachine(`/nowhere:${folder}`)).findings.find(({ name }) => name === "containerd");
      expect(await found()).toMatchObject({ ok: false, detail: expect.stringContaining("not on PATH") });
      await chmod(join(folder, "containerd"), 0o755);
      expect(await found()).toMatchObject({ ok: true, detail: expect.stringContaining(folder) });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
