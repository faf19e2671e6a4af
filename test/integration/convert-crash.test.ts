import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { convertImage, verifyImage } from "@sluice/converter";
import { ImageLayout } from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noiseFile, pushImage, tarOf } from "../support/pushed-image.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-crash-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Converts in a process of its own, which kills itself at a moment. */
const script = `
  import { convertImage } from "@sluice/converter";
  import { ImageLayout } from "@sluice/oci";
  const [layout, root, moment] = process.argv.slice(1);
  const onProgress = ({ kind }) => kind === moment && process.kill(process.pid, "SIGKILL");
  await convertImage({ repository: new ImageLayout(layout), target: "v1", reference: layout }, { root, onProgress });
`;

describe("a conversion that is killed", () => {
  it.each(["reading", "layer", "merging", "pushed"])(
    "at '%s' leaves no artifact, and the next one is whole",
    async (moment) => {
      const layout = join(directory, "layout");
      const root = join(directory, "root");
      const repository = new ImageLayout(layout);
      const tars = [await tarOf([noiseFile("a", 12_000_000)]), await tarOf([noiseFile("b", 12_000_000)])];
      const image = await pushImage(repository, tars, { tag: "v1" });
      const child = spawn(process.execPath, ["--input-type=module", "-e", script, layout, root, moment], {
        cwd: fileURLToPath(new URL("..", import.meta.url)),
        stdio: "inherit",
      });
      expect((await once(child, "exit"))[1]).toBe("SIGKILL");
      expect(await new ImageLayout(layout).referrers(image.digest)).toEqual([]);
      expect(await readdir(join(root, "tmp")).catch(() => [])).toEqual([]);
      const place = { repository: new ImageLayout(layout), target: "v1", reference: layout };
      await convertImage(place, { root });
      expect(await readdir(join(root, "convert-cache", "new"))).toEqual([]);
      expect(await verifyImage(place, { root })).toMatchObject({ ok: true });
    },
  );
});
