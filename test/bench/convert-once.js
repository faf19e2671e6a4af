// One forced conversion in a process of its own, for convert.ts: node convert-once.js LAYOUT TAG DIRECTORY. Prints JSON.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { convertImage } from "@sluice/converter";
import { ImageLayout } from "@sluice/oci";

const [layout, tag, directory] = process.argv.slice(2);
const repository = new ImageLayout(layout);
const before = process.cpuUsage();
const image = { repository, target: tag, reference: layout };
const result = await convertImage(image, { root: join(directory, "root"), force: true });
const { user, system } = process.cpuUsage(before);
const status = await readFile("/proc/self/status", "utf8");
console.log(
  JSON.stringify({
    seconds: result.seconds,
    cpuSeconds: (user + system) / 1e6,
    peakRssBytes: Number(/VmHWM:\s+([0-9]+) kB/.exec(status)?.[1] ?? 0) * 1024,
    uncompressedBytes: result.uncompressedBytes,
    sourceBytes: result.source.sizeBytes,
    artifactBytes: result.artifact.sizeBytes,
  }),
);
