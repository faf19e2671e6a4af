/**
 * The run phase: reads and walks of an image that is in the store, beside the same tree on ext4, under an overlay, and as EROFS on a local file. Needs root and fio.
 *
 *     node test/bench/run.js micro [--runs N] [--only WORDS] [--table]
 *
 * cold: nothing is in the page cache, the store's own files neither. hits: what shows the file knows none of its pages, what it lies in does. hot: everything is in the page cache.
 * `--only` measures what has these words in its name. Prints JSON, with the figures of every round, or with `--table` the tables of it.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { rounded, thisMachine } from "./figures.js";
import { makePlaces, type Place } from "./micro-places.js";
import { type Micro, microTables } from "./micro-tables.js";

const run = promisify(execFile);

export async function main(args: readonly string[]): Promise<void> {
  const options = {
    runs: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    table: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  const work = await mkdtemp(join(tmpdir(), "sluice-micro-"));
  try {
    const places = await makePlaces(work);
    try {
      const [ofWalks, ofReads] = [walks, reads].map((all) => new Rounds(all, values.only)) as [Rounds, Rounds]; // two
      for (let round = 0; round < Number(values.runs); round++) {
        // who goes first in one round goes last in the next
        const order = round % 2 === 0 ? places.all : places.all.toReversed();
        for (const rounds of [ofWalks, ofReads]) await rounds.add(order);
      }
      const figures: Micro = {
        entries: places.entries,
        files: places.files,
        walks: ofWalks.figures,
        reads: ofReads.figures,
      };
      const json = JSON.stringify({ bench: "micro", ...(await thisMachine()), ...figures }, null, 2);
      console.log(values.table ? microTables(figures) : json);
    } finally {
      await places[Symbol.asyncDispose]();
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type Measure = (place: Place) => Promise<number>;

/** Places take turns, so that what happens on the machine meanwhile meets them all. */
class Rounds {
  readonly figures: Record<string, Record<string, number[]>> = {};
  readonly #measures: readonly (readonly [string, Measure])[];

  constructor(measures: Readonly<Record<string, Measure>>, only: string) {
    this.#measures = Object.entries(measures).filter(([what]) => what.includes(only));
  }

  async add(places: readonly Place[]): Promise<void> {
    for (const [what, one] of this.#measures) {
      this.figures[what] ??= {};
      const by = this.figures[what];
      for (const place of places) {
        by[place.name] ??= [];
        by[place.name]?.push(rounded(await one(place)));
      }
    }
  }
}

const cold = async (): Promise<void> => {
  await run("sync");
  await writeFile("/proc/sys/vm/drop_caches", "3");
};
/** Pages of these files alone leave the page cache. */
const forget = async ({ file, between }: Place): Promise<void> => {
  for (const path of [file, ...between]) await run("dd", [`if=${path}`, "iflag=nocache", "count=0"]);
};
const readOnce = async ({ file }: Place): Promise<void> => {
  await run("dd", [`if=${file}`, "of=/dev/null", "bs=1M"]);
};

/** Seconds of a shell's work on the tree, which is its first argument. */
const seconds =
  (script: string, state: "cold" | "hot"): Measure =>
  async ({ tree }) => {
    const work = () => run("sh", ["-c", script, "sh", tree], { maxBuffer: 64e6 });
    await (state === "cold" ? cold() : work());
    const startMs = performance.now();
    await work();
    return (performance.now() - startMs) / 1000;
  };

const find = 'find "$1" -xdev -printf "%s\\n" | wc -l';
const stat = 'find "$1" -xdev -print0 | xargs -0 stat > /dev/null';
const tar = 'tar -C "$1" --one-file-system -c . | cat > /dev/null';
/** The same ones everywhere, from all over the tree. */
const smallFiles =
  'find "$1" -xdev -type f -size -16k | sort | awk "NR % 50 == 0" | head -1000 | tr "\\n" "\\0" | xargs -0 cat > /dev/null';

const walks: Readonly<Record<string, Measure>> = {
  "find, cold": seconds(find, "cold"),
  "find, hot": seconds(find, "hot"),
  "stat of everything, cold": seconds(stat, "cold"),
  "1,000 small files, cold": seconds(smallFiles, "cold"),
  "complete read with tar, cold": seconds(tar, "cold"),
  "complete read with tar, hot": seconds(tar, "hot"),
};

interface Job {
  readonly read: "read" | "randread";
  readonly readers: 1 | 4;
  readonly before: (place: Place) => Promise<void>;
}

interface FioJob {
  readonly read: { readonly bw_bytes: number; readonly clat_ns: { readonly mean: number } };
}

/** Each reader reads another part. */
async function fio({ file }: Place, { read, readers }: Job): Promise<FioJob["read"]> {
  const partBytes = (256 * 2 ** 20) / readers;
  const what =
    read === "read" ? ["--bs=128k", `--size=${partBytes}`] : ["--bs=4k", `--size=${partBytes}`, "--io_size=24m"];
  const { stdout } = await run("fio", [
    ...["--name=micro", `--filename=${file}`, "--readonly", `--rw=${read}`, ...what, "--ioengine=psync"],
    ...[`--numjobs=${readers}`, `--offset_increment=${partBytes}`, "--thread", "--group_reporting"],
    ...["--invalidate=0", "--fadvise_hint=0", "--randrepeat=0", "--output-format=json"],
  ]);
  const { jobs } = JSON.parse(stdout) as { readonly jobs: readonly FioJob[] }; // fio(1), JSON output
  const [job] = jobs;
  if (job === undefined) throw new Error(`fio said nothing of ${file}`);
  return job.read;
}

/** MB/s of all readers together. */
const rate =
  (job: Job): Measure =>
  async (place) => {
    await job.before(place);
    return (await fio(place, job)).bw_bytes / 1e6;
  };
/** Microseconds a read. */
const latency =
  (job: Job): Measure =>
  async (place) => {
    await job.before(place);
    return (await fio(place, job)).clat_ns.mean / 1000;
  };

const states = { cold, hits: forget, hot: readOnce };
const reads: Readonly<Record<string, Measure>> = Object.fromEntries(
  Object.entries(states).flatMap(([state, before]) =>
    ([1, 4] as const).flatMap((readers): [string, Measure][] => [
      [`sequential MB/s, readers ${readers}, ${state}`, rate({ read: "read", readers, before })],
      [`random 4 KiB µs, readers ${readers}, ${state}`, latency({ read: "randread", readers, before })],
    ]),
  ),
);
