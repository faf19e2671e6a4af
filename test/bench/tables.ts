/**
 * Writes docs/benchmarks.md from the JSON files that `node test/bench/run.js all` left in a directory.
 *
 *     node test/bench/run.js tables [DIRECTORY]
 */
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { containerdTables } from "./containerd-tables.js";
import { readThroughContainerd } from "./containerd-targets.js";
import { type Machine, rounded } from "./figures.js";
import { type Micro, microTables } from "./micro-tables.js";
import { readImageParts, readPart } from "./parts.js";
import { type RegistryFigures, type RegistryMemory, registrySection } from "./registry-tables.js";
import { table } from "./table.js";

type Figures = Readonly<Record<string, unknown>>;
interface Pair {
  readonly ours: number;
  readonly raw: number;
  readonly ratio: number;
}
interface StartImage {
  readonly image: { readonly sizeBytes: number; readonly layers: number };
  readonly recorded: { readonly pagesBytes: number; readonly compressedBytes: number; readonly startupBytes: number };
  readonly limitSeconds: number;
  readonly [mode: string]: unknown;
}

export async function main([directory = ".bench"]: readonly string[]): Promise<void> {
  const read = async <T>(name: string): Promise<Machine & T> => there(name, await readPart<T>(directory, name));
  const converts = { node: await read<Figures>("convert-node"), python: await read<Figures>("convert-python") };
  const reads = await read<Readonly<Record<string, Pair>>>("fuse-read");
  const micro = await read<Micro>("micro");
  const start = there("start", await readImageParts<StartImage>(directory, "start"));
  const text = [
    heading(start),
    convertTable(converts),
    readTable(reads),
    microSection(micro),
    startTable(start.link, start.images),
    containerdSection(containerdTables(await readThroughContainerd(directory))),
    registrySection(await read<RegistryFigures>("registry"), await read<RegistryMemory>("registry-memory")),
  ];
  const target = fileURLToPath(new URL("../../docs/benchmarks.md", import.meta.url));
  await writeFile(target, `${text.join("\n\n")}\n`);
}

function there<T>(name: string, part: T | undefined): T {
  if (part === undefined) throw new Error(`${name} was not measured: node test/bench/run.js all`);
  return part;
}

const heading = ({ commit, machine }: Machine): string => `# Benchmarks

Made by the commands below (all of them: \`pnpm bench\`) at commit ${commit.slice(0, 12)} on ${machine.processors} processors (${machine.model}), ${Math.round(machine.memoryBytes / 1e9)} GB of memory, Linux ${machine.kernel}, Node ${machine.node}; nothing else ran.
Figures of one table come from one run, so that its ratios mean something elsewhere; seconds and MB/s do not. The images are built by \`test/fixtures/build-images.sh\`: nobody's download, everybody's to build again.`;

const convertTable = (images: Readonly<Record<string, Figures>>): string => {
  const names = Object.keys(Object.values(images)[0] ?? {}).filter((name) => /median|÷/.test(name));
  const rows = Object.entries(images).map(([image, figures]) => [image, ...names.map((name) => figures[name])]);
  return `## Conversion\n\nEvery layer converted (\`--force\`), each run a process of its own.\n\n${table(["image", ...names], rows)}\n\n    node test/bench/run.js convert LAYOUT TAG`;
};

const readTable = (reads: Readonly<Record<string, Pair>>): string => {
  const names = {
    randomMicroseconds: "random 4 KiB, µs a read",
    sequentialMegabytesPerSecond: "sequential, MB/s",
    fourReadersMegabytesPerSecond: "four readers, MB/s",
  };
  const rows = Object.entries(names).map(([key, name]) => [name, reads[key]?.ours, reads[key]?.raw, reads[key]?.ratio]);
  return `## Hits through FUSE\n\nThe page cache knows nothing of the file; everything is in the chunk store. Beside a bare server of the same protocol that answers from one file (\`test/bench/raw-fuse-server.js\`).\n\n${table(["", "sluice", "bare server", "sluice ÷ bare"], rows)}\n\n    node test/bench/run.js fuse-read`;
};

const microSection = (micro: Micro): string =>
  `## Reads and walks\n\nThe Node image of ${micro.entries} entries (${micro.files} files), and a file of 256 MiB of noise, with everything in the store, beside the same on ext4, under an overlay on that, and as EROFS on a local file; medians of rounds in which all take turns. _cold_: the page cache is empty. _hits_: what shows the file knows none of its pages, what lies below does. _hot_: everything is in the page cache.\n\n${microTables(micro)}\n\n    node test/bench/run.js micro`;

const startTable = (
  link: { readonly rate: string; readonly rtt: string },
  images: Readonly<Record<string, StartImage>>,
): string => {
  const modes = ["full", "overlay", "streamed", "optimized", "warm"];
  const columns = [
    ...new Set(Object.values(images).flatMap((image) => modes.flatMap((mode) => Object.keys(image[mode] ?? {})))),
  ];
  const rows = Object.entries(images).flatMap(([name, image]) =>
    modes.flatMap((mode) => {
      const figures = image[mode] as Figures | undefined; // one of the modes, written by start.ts
      return figures === undefined ? [] : [[name, mode, ...columns.map((column) => figures[column] ?? "")]];
    }),
  );
  const reads = Object.entries(images).map(([name, { limitSeconds, recorded }]) =>
    readsRow(name, limitSeconds, recorded),
  );
  const readsTable = table(
    ["image", "limit s", "pages read, MB", "compressed, MB", "startup blob ÷ compressed"],
    reads,
  );
  return `## Starts\n\nTime from the command to the container's ready line over ${link.rate} and ${link.rtt} of round trip. _full_: pull, unpack, start; once. _overlay_: from the unpacked layers, page cache dropped. _streamed_: nothing recorded, nothing on the node. _optimized_: the same with three starts recorded before. _warm_: again on that node, everything in the store, page cache dropped. _limit_: the longer of the warm start and of what the link needs for the compressed pages that a start reads.\n\n${table(["image", "mode", ...columns], rows)}\n\n${readsTable}\n\n    node test/bench/run.js start [IMAGE …] --rate ${link.rate} --rtt ${link.rtt}`;
};

const containerdSection = (tables: string): string =>
  `## Starts through containerd\n\nPulled and started in a pod as the kubelet does it, over 100mbit and 20ms of round trip, on an empty node. _own pull_: what containerd takes for a pull of which it fetches no layer. _together_: nginx in an image for each pod, all of them on the same two layers and each with one of its own; sandboxes are there before.\n\n${tables}\n\n    node test/bench/run.js through-containerd`;

const readsRow = (name: string, limitSeconds: number, recorded: StartImage["recorded"]): readonly unknown[] => {
  const { pagesBytes, compressedBytes, startupBytes } = recorded;
  const megabytes = (bytes: number): number => rounded(bytes / 1e6);
  const share = rounded(startupBytes / compressedBytes);
  return [name, rounded(limitSeconds), megabytes(pagesBytes), megabytes(compressedBytes), share];
};
