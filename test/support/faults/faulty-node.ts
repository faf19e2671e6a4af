import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { convertImage } from "@sluice/converter";
import { TestRegistry } from "@sluice/oci/testing";
import { DaemonClient, mountTable, NodePaths, Registries } from "@sluice/snapshotter";
import { sluice } from "../sluice.js";
import { pushSmallImage } from "../small-image.js";
import { contentOf } from "./file-content.mjs";

const run = promisify(execFile);

/** For a daemon to come back, on a machine that others want, too: later is no fault of it, never is. Milliseconds. */
const maxBackMs = 300_000;

export interface FaultyNodeOptions {
  readonly seed: number;
  readonly files: number;
  readonly fileBytes: number;
  /** Of the chunk store. Bytes. */
  readonly budgetBytes: number;
  /** Of the disk that the store lies on, which holds nothing else. Bytes. */
  readonly diskBytes: number;
  readonly deadlineSeconds: number;
}

/** What a daemon holds. */
export interface Held {
  readonly rssBytes: number;
  readonly descriptors: number;
  readonly diskBytes: number;
}

/** A registry in this process, with faults on demand, and a node in processes of its own, on a small disk, that mounts an image of files whose content is known. */
export class FaultyNode {
  readonly registry: TestRegistry;
  readonly mountpoint: string;
  readonly root: string;
  readonly #folder: string;
  readonly #options: FaultyNodeOptions;

  private constructor(registry: TestRegistry, folder: string, options: FaultyNodeOptions) {
    this.registry = registry;
    this.#folder = folder;
    this.#options = options;
    this.mountpoint = join(folder, "mnt");
    this.root = join(folder, "root");
  }

  static async create(options: FaultyNodeOptions): Promise<FaultyNode> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "sluice-faults-")));
    const access = { kind: "token", expiresInSeconds: 60 } as const;
    const registry = await TestRegistry.start({ seed: options.seed, access, redirectLifeMs: 60_000 });
    const node = new FaultyNode(registry, folder, options);
    await mkdir(node.mountpoint);
    await mkdir(node.disk, { recursive: true, mode: 0o700 });
    await chmod(node.root, 0o700);
    const limits = `size=${options.diskBytes},mode=0700`;
    await run("mount", ["-t", "tmpfs", "-o", limits, "sluice-faults", node.disk]);
    await node.#publish();
    const config = {
      store: { budget: `${options.budgetBytes}B` },
      fetch: { deadline: `${options.deadlineSeconds}s` },
    };
    await writeFile(join(folder, "config.yaml"), JSON.stringify(config)); // JSON is YAML
    return node;
  }

  get client(): DaemonClient {
    return new DaemonClient(new NodePaths(this.root).controlSocket);
  }

  /** The store's own disk. */
  get disk(): string {
    return new NodePaths(this.root).store;
  }

  async start(): Promise<void> {
    const args = ["daemon", "start", "--root", this.root, "--config", join(this.#folder, "config.yaml")];
    const { code, stderr } = await sluice(args);
    if (code !== 0) throw new Error(`the daemon did not start: ${stderr}`);
  }

  /** Kills the daemon, which its keeper brings back with its mounts. Resolves when it answers again. */
  async kill(): Promise<void> {
    const { pid } = await this.client.status();
    process.kill(pid, "SIGKILL");
    const end = performance.now() + maxBackMs;
    for (;;) {
      const now = await this.client.status().catch(() => undefined);
      if (now !== undefined && now.pid !== pid) return;
      if (performance.now() > end) throw new Error(`nobody brought the daemon back within ${maxBackMs} ms`);
      await sleep(50);
    }
  }

  /** Ends the daemon; its mounts come back with the next one only when `keepMounts`. */
  async stop(): Promise<void> {
    const { code, stderr } = await sluice(["daemon", "stop", "--detach", "--root", this.root]);
    if (code !== 0) throw new Error(`the daemon did not stop: ${stderr}`);
  }

  async mount(mountpoint: string = this.mountpoint): Promise<void> {
    await mkdir(mountpoint, { recursive: true });
    await this.client.mount({ reference: this.#reference, mountpoint, driver: "erofs", writable: false });
  }

  async held(): Promise<Held> {
    const { pid, rssBytes } = await this.client.status();
    const { blocks, bfree, bsize } = await statfs(this.disk);
    const descriptors = (await readdir(`/proc/${pid}/fd`)).length;
    return { rssBytes, descriptors, diskBytes: (blocks - bfree) * bsize };
  }

  async log(): Promise<string> {
    return await readFile(new NodePaths(this.root).log, "utf8");
  }

  /** Paths of the store's segment files, oldest first. */
  async segments(): Promise<string[]> {
    const folder = join(this.disk, "segments");
    return (await readdir(folder)).sort().map((name) => join(folder, name));
  }

  get index(): string {
    return join(this.disk, "index");
  }

  async close(): Promise<void> {
    await sluice(["daemon", "stop", "--detach", "--root", this.root]);
    for (const { target } of (await mountTable()).toReversed()) {
      if (target.startsWith(this.#folder)) await run("umount", ["--lazy", target]).catch(() => undefined);
    }
    await this.registry[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #reference(): string {
    return `${this.registry.host}/app:1`;
  }

  async #publish(): Promise<void> {
    const { files, fileBytes } = this.#options;
    const registries = new Registries();
    const reference = this.#reference;
    const repository = registries.open({ reference });
    const layer = Array.from({ length: files }, (_, i) => ({ name: `file-${i}`, content: contentOf(i, fileBytes) }));
    await pushSmallImage(repository, "1", { layers: [layer] });
    await convertImage({ repository, target: "1", reference }, { root: join(this.#folder, "convert") });
    await registries.close();
    await rm(join(this.#folder, "convert"), { recursive: true });
  }
}
