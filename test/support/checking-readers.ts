import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { endOf } from "./other-process.js";

/** What readers did until they were stopped. */
export interface ReadersReport {
  /** Complete readings of the whole folder, each with every checksum right. */
  readonly passes: number;
  /** What went wrong, in the words of sha256sum. Empty when every byte was right and no read failed. */
  readonly complaints: readonly string[];
}

/**
 * Processes that read the files of a folder over and over and check each against its checksum. The page caches of the files and of the disk below them are dropped
 * before each pass, so that reads reach the daemon.
 */
export class CheckingReaders {
  readonly #children: readonly ChildProcess[];
  readonly #output: string[] = [];

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
    for (const child of children) {
      child.stdout?.on("data", (bytes) => this.#output.push(String(bytes)));
      child.stderr?.on("data", (bytes) => this.#output.push(String(bytes)));
    }
  }

  /**
   * @param sums digests by path below `mountpoint`
   * @param options `disks`: the folder with the FUSE files; `scratch`: where the list of checksums is put
   */
  static async start(
    count: number,
    mountpoint: string,
    sums: ReadonlyMap<string, string>,
    options: { readonly disks: string; readonly scratch: string },
  ): Promise<CheckingReaders> {
    const list = join(options.scratch, "checksums");
    await writeFile(list, [...sums].map(([path, sum]) => `${sum}  ${path}\n`).join(""));
    const drop = (files: string): string =>
      `for f in ${files}; do dd if="$f" iflag=nocache count=0 status=none 2>/dev/null; done`;
    const script = [
      'trap "exit 0" TERM; cd "$0" || exit 9',
      `while :; do ${drop("*")}; ${drop('"$2"/*')}`,
      'shuf "$1" > "$3"; sha256sum --quiet -c "$3" && echo pass || echo FAILED; done',
    ].join("\n");
    const children = Array.from({ length: count }, (_, i) =>
      spawn("sh", ["-c", script, mountpoint, list, options.disks, `${list}-${i}`], {
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
    return new CheckingReaders(children);
  }

  get passes(): number {
    return this.#lines().filter((line) => line === "pass").length;
  }

  /** Ends them after the pass they are in. */
  async stop(): Promise<ReadersReport> {
    for (const child of this.#children) child.kill("SIGTERM");
    for (const child of this.#children) await endOf(child);
    return { passes: this.passes, complaints: this.#lines().filter((line) => line !== "pass") };
  }

  #lines(): string[] {
    return this.#output
      .join("")
      .split("\n")
      .filter((line) => line !== "");
  }
}
