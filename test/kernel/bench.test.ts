import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImageLayout } from "@sluice/oci";
import { mountTable } from "@sluice/snapshotter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sluice } from "../support/sluice.js";
import { programEntries, pushSmallImage } from "../support/small-image.js";

let folder: string;
let image: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bench-test-"));
  image = `oci:${join(folder, "image")}:1`;
  await using layout = new ImageLayout(join(folder, "image"));
  await pushSmallImage(layout, "1", {
    layers: [
      [
        ...(await programEntries("/bin/sh")),
        { name: "etc", type: "directory" },
        { name: "etc/old", content: "from below\n" },
        { name: "srv", type: "directory" },
        { name: "srv/below", content: "hidden\n" },
      ],
      [
        { name: "etc/.wh.old", content: "" },
        { name: "srv", type: "directory" },
        { name: "srv/.wh..wh..opq", content: "" },
        { name: "srv/above", content: "shown\n" },
      ],
    ],
    // Ready only where the whiteouts of the upper layer hold, pulled in full and streamed alike.
    config: {
      Cmd: ["/bin/sh", "-c", "[ ! -e /etc/old ] && [ ! -e /srv/below ] && [ -e /srv/above ] && echo is ready"],
    },
  });
});
afterAll(() => rm(folder, { recursive: true }));

/** With the image's folder as the one for temporary files, so that what is left behind can be told from what others do. */
const bench = (...flags: string[]) =>
  sluice(["--root", join(folder, "root"), "bench", image, ...flags], { TMPDIR: folder });

async function expectNothingLeft(): Promise<void> {
  expect((await mountTable()).filter(({ target }) => target.startsWith(folder))).toEqual([]);
  expect((await readdir(folder)).filter((name) => name.startsWith("sluice-"))).toEqual([]);
}

describe("bench", () => {
  it("measures every mode of an image, writes the report, and leaves nothing behind", async () => {
    const html = join(folder, "report.html");
    const link = ["--rate", "100mbit", "--rtt", "5ms", "--runs", "1"];
    const modes = ["--mode", "full,overlay,streamed,optimized,warm"];
    const { code, stdout, stderr } = await bench(
      ...[...link, ...modes],
      ...["--ready-line", "is ready", "--html", html, "-o", "json"],
    );
    expect(stderr).not.toMatch(/error/i);
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result.link).toEqual({ bitsPerSecond: 100e6, roundTripSeconds: 0.005 });
    expect(result.image.layers).toBe(2);
    expect(result.modes.map(({ mode }: { mode: string }) => mode)).toEqual(modes[1]?.split(","));
    const [full, overlay, streamed, optimized, warm] = result.modes;
    for (const { secondsToReady } of result.modes) expect(secondsToReady.median).toBeGreaterThan(0);
    expect(full.bytes.median).toBeGreaterThan(result.image.sizeBytes);
    expect(streamed.bytes.median).toBeGreaterThan(0);
    expect(overlay.bytes.median).toBe(0);
    expect(optimized.bytes.median).toBeGreaterThan(result.recorded.startupBytes);
    expect(warm.bytes.median).toBeLessThan(optimized.bytes.median);
    const { pagesBytes, compressedBytes, startupBytes } = result.recorded;
    expect(compressedBytes).toBeGreaterThan(0);
    expect(pagesBytes).toBeGreaterThan(compressedBytes);
    expect(startupBytes).toBeGreaterThan(compressedBytes); // the table of its chunks
    expect(result.limitSeconds).toBeGreaterThanOrEqual(warm.secondsToReady.median);
    const { bytesOverTime, readTimes } = streamed;
    expect(bytesOverTime.at(-1).bytes).toBe(streamed.bytes.median);
    expect(bytesOverTime.at(-1).seconds).toBeLessThanOrEqual(streamed.secondsToReady.median + 1);
    expect(readTimes.total).toBeGreaterThan(0);
    expect(readTimes.atMost.at(-1).reads).toBe(readTimes.total);
    expect(overlay).not.toHaveProperty("readTimes");
    const report = await readFile(html, "utf8");
    expect(report).toContain("<td>streamed");
    expect(report.match(/<svg /g)).toHaveLength(3); // time, bytes, latency
    await expectNothingLeft();
  });

  it("fails when the container ends before it is ready, with what it wrote", async () => {
    const { code, stderr } = await bench(
      "--runs",
      "1",
      "--mode",
      "full",
      "--rate",
      "1gbit",
      "--",
      "/bin/sh",
      "-c",
      "echo so sorry; exit 4",
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/ended with 4 before it was ready: so sorry/);
    await expectNothingLeft();
  });
});
