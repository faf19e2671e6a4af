import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertImage } from "@sluice/converter";
import { TestRegistry } from "@sluice/oci/testing";
import { DaemonClient, type DaemonStatus, mountTable, NodePaths, Registries } from "@sluice/snapshotter";
import { eventually } from "./served-disk.js";
import { type Outcome, sluice } from "./sluice.js";
import { pushSmallImage } from "./small-image.js";

const execute = promisify(execFile);

export interface NoiseImage {
  readonly reference: string;
  /** Checksums of its files by name. */
  readonly sums: ReadonlyMap<string, string>;
}

export interface MountedImage {
  readonly image: NoiseImage;
  readonly mountpoint: string;
}

/** A data root with a keeper and a daemon of their own, and a registry in this process. */
export class KeptNode implements AsyncDisposable {
  readonly folder: string;
  readonly root: string;
  readonly paths: NodePaths;
  readonly registry: TestRegistry;
  readonly client: DaemonClient;
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(folder: string, registry: TestRegistry, environment: Readonly<Record<string, string>>) {
    this.folder = folder;
    this.root = join(folder, "root");
    this.paths = new NodePaths(this.root);
    this.registry = registry;
    this.client = new DaemonClient(this.paths.controlSocket);
    this.#environment = environment;
  }

  static async create(environment: Readonly<Record<string, string>> = {}): Promise<KeptNode> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "sluice-kept-")));
    return new KeptNode(folder, await TestRegistry.start(), environment);
  }

  /** Pushes and converts an image of files of noise. */
  async makeImage(name: string, files: number, fileBytes: number): Promise<NoiseImage> {
    const reference = `${this.registry.host}/${name}:1`;
    const registries = new Registries();
    const repository = registries.open({ reference });
    const entries = Array.from({ length: files }, (_, i) => ({ name: `f${i}`, content: randomBytes(fileBytes) }));
    await pushSmallImage(repository, "1", { layers: [entries] });
    const scratch = join(this.folder, "convert");
    await convertImage({ repository, target: "1", reference }, { root: scratch, threads: 1 });
    await registries.close();
    const sums = entries.map(
      (entry) => [entry.name, createHash("sha256").update(entry.content).digest("hex")] as const,
    );
    return { reference, sums: new Map(sums) };
  }

  /** Runs a verb of the program on this data root. */
  run(...args: string[]): Promise<Outcome> {
    return sluice(["--root", this.root, ...args], this.#environment);
  }

  /** @throws when it fails */
  async must(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`sluice ${args.join(" ")} exited ${code}: ${stderr}`);
    return stdout;
  }

  async mount(image: NoiseImage, name: string, ...flags: string[]): Promise<string> {
    const mountpoint = join(this.folder, name);
    await mkdir(mountpoint, { recursive: true });
    await this.must("mount", image.reference, mountpoint, ...flags);
    return mountpoint;
  }

  /** So many small images, each different, mounted beside one another. */
  async mountMany(count: number): Promise<MountedImage[]> {
    await this.must("daemon", "start");
    const mounted = [];
    for (let i = 0; i < count; i++) {
      const image = await this.makeImage(`many${i}`, 3, 20_000);
      const mountpoint = join(this.folder, `many${i}`);
      await mkdir(mountpoint, { recursive: true });
      await this.client.mount({ reference: image.reference, mountpoint, driver: "erofs", writable: false });
      mounted.push({ image, mountpoint });
    }
    return mounted;
  }

  status(): Promise<DaemonStatus> {
    return this.client.status();
  }

  async log(): Promise<string> {
    return await readFile(this.paths.log, "utf8");
  }

  async keeperPid(): Promise<number> {
    return (await this.status()).keeper?.pid ?? 0;
  }

  /** Ends the daemon as the kernel does when memory is short. @returns milliseconds until the next one answered */
  async killDaemon(patienceMs?: number): Promise<number> {
    const since = performance.now();
    await this.replaceDaemon(({ daemon }) => process.kill(daemon, "SIGKILL"), patienceMs);
    return performance.now() - since;
  }

  /** Resolves when another daemon answers than the one to which `end` did something. */
  async replaceDaemon(
    end: (pids: { readonly daemon: number; readonly keeper: number }) => void,
    patienceMs = 30_000,
  ): Promise<void> {
    const { pid, keeper } = await this.status();
    end({ daemon: pid, keeper: keeper?.pid ?? 0 });
    const isOther = async (): Promise<boolean> =>
      ((await this.client.status().catch(() => undefined))?.pid ?? pid) !== pid;
    await eventually("another daemon answers", isOther, patienceMs);
  }

  async killKeeper(): Promise<void> {
    const pid = await this.keeperPid();
    process.kill(pid, "SIGKILL");
    await eventually("there is another keeper", async () => ![0, pid].includes(await this.keeperPid()));
  }

  /** Neither can bring the other back. */
  async killBoth(): Promise<void> {
    const { pid, keeper } = await this.status();
    const pids = [keeper?.pid ?? 0, pid];
    for (const each of pids) process.kill(each, "SIGSTOP");
    for (const each of pids) process.kill(each, "SIGKILL");
    for (const each of pids) await eventually("it is gone", async () => !(await runs(each)));
  }

  /** The kernel's numbers of the mounts below this folder, by mount point: a mount that was made anew has another one. */
  async mountIds(): Promise<Readonly<Record<string, number>>> {
    const entries = (await mountTable()).filter(({ target }) => target.startsWith(this.folder));
    return Object.fromEntries(entries.map(({ target, mountId }) => [target, mountId]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("daemon", "start"); // after a test that failed there may be a keeper without a daemon
    await this.run("daemon", "stop", "--detach");
    for (const { target } of (await mountTable()).toReversed()) {
      if (target.startsWith(this.folder)) await execute("umount", ["-l", target]);
    }
    await this.registry[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const runs = (pid: number): Promise<boolean> =>
  readFile(`/proc/${pid}/stat`, "latin1").then(
    (stat) => !stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z"),
    () => false,
  );
