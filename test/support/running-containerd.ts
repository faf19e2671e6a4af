import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Credentials } from "@sluice/oci";
import { CriClient, type SnapshotterPlace, withSnapshotter } from "@sluice/snapshotter";
import { type ContainerdSettings, configuration } from "./containerd-settings.js";

const execute = promisify(execFile);
/** containerd is up within moments; a machine that is busy takes longer. Milliseconds. */
const maxStartMs = 60_000;

/** containerd in a process of its own, with a snapshotter on a socket as the one of its CRI. */
export class RunningContainerd implements AsyncDisposable {
  readonly #program: string;
  readonly #folder: string;
  #child: ChildProcess;

  private constructor(program: string, folder: string, child: ChildProcess) {
    this.#program = program;
    this.#folder = folder;
    this.#child = child;
  }

  /**
   * @param program path of containerd, beside its `ctr` and its shim
   * @param snapshotter ours, installed as `node install` does it; undefined for containerd's own
   */
  static async start(
    program: string,
    snapshotter: SnapshotterPlace | undefined,
    settings: ContainerdSettings = {},
  ): Promise<RunningContainerd> {
    const folder = await mkdtemp(join(tmpdir(), "ctr-"));
    const text = configuration(program, folder, settings);
    const file = join(folder, "config.toml");
    await writeFile(file, snapshotter === undefined ? text : withSnapshotter(text, snapshotter, file));
    const running = new RunningContainerd(program, folder, launch(program, folder));
    await running.#answers();
    return running;
  }

  /** Path of its configuration. */
  get config(): string {
    return join(this.#folder, "config.toml");
  }

  get socket(): string {
    return join(this.#folder, "c.sock");
  }

  /** As the kubelet pulls. */
  async pull(reference: string, credentials?: Credentials): Promise<void> {
    using client = new CriClient(this.socket);
    await client.pull(reference, credentials);
  }

  /** `ctr` in the namespace of CRI. @returns its stdout */
  async ctr(...args: string[]): Promise<string> {
    const words = ["-a", this.socket, "-n", "k8s.io", ...args];
    const { stdout } = await execute(join(dirname(this.#program), "ctr"), words, { maxBuffer: 64e6, env: this.#env });
    return stdout;
  }

  /** What a snapshot has other than what it stands on, as a tar archive of a layer. */
  async diff(snapshot: string): Promise<Buffer> {
    const type = ["--media-type", "application/vnd.oci.image.layer.v1.tar"];
    const words = [
      "-a",
      this.socket,
      "-n",
      "k8s.io",
      "snapshots",
      "--snapshotter",
      "sluice",
      "diff",
      ...type,
      snapshot,
    ];
    const settings = { maxBuffer: 64e6, env: this.#env, encoding: "buffer" } as const;
    return (await execute(join(dirname(this.#program), "ctr"), words, settings)).stdout;
  }

  /** A container's program to its end, by runc on the snapshotter. @returns its stdout */
  async run(reference: string, id: string, ...command: string[]): Promise<string> {
    return await this.ctr("run", "--rm", "--snapshotter", "sluice", reference, id, ...command);
  }

  /** Ends it; its containers go on. */
  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
  }

  async restart(): Promise<void> {
    await this.stop();
    this.#child = launch(this.#program, this.#folder);
    await this.#answers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #env(): NodeJS.ProcessEnv {
    return environment(this.#program);
  }

  /** CRI comes up after the socket. */
  async #answers(): Promise<void> {
    using client = new CriClient(this.socket);
    const deadline = Date.now() + maxStartMs;
    for (;;) {
      const failure = await client.image("absent").then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) return;
      if (Date.now() > deadline) throw failure;
      await sleep(100);
    }
  }
}

const environment = (program: string): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${dirname(program)}:${process.env["PATH"]}`,
});

const launch = (program: string, folder: string): ChildProcess =>
  spawn(program, ["-c", join(folder, "config.toml"), "-l", "error"], { stdio: "inherit", env: environment(program) });
