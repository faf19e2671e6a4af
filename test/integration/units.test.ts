import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { missingPrograms } from "@sluice/oci/testing";
import { expect, it } from "vitest";
import { sluice } from "../support/sluice.js";

const units = new URL("../../deploy/systemd/", import.meta.url);
const missing = missingPrograms({ "systemd-analyze": "systemd" });

it.skipIf(missing !== "")(`the units are what systemd takes, and start verbs that there are ${missing}`, async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-units-"));
  const names = await readdir(units);
  expect(names.sort()).toEqual(["sluice-serve.service", "sluice-worker.service", "sluice.service"]);
  for (const name of names) {
    const text = await readFile(new URL(name, units), "utf8");
    const [, words = ""] = /^ExecStart=\/usr\/local\/bin\/sluice (.*)$/m.exec(text) ?? [];
    expect((await sluice([...words.split(" "), "--help"])).code).toBe(0);
    const file = join(folder, name);
    await writeFile(file, text.replace("/usr/local/bin/sluice", "/bin/true")); // which need not be installed here
    const { stderr } = await promisify(execFile)("systemd-analyze", ["verify", "--man=no", file]);
    expect(stderr.split("\n").filter((line) => line.includes(folder))).toEqual([]);
  }
  await rm(folder, { recursive: true });
});
