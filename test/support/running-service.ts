import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { program } from "./sluice.js";

/** `sluice snapshotter` as a service manager runs it: in the foreground, stopped by SIGTERM to its main process alone. */
export class RunningService {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static start(root: string, socket: string): RunningService {
    const args = [program, "--root", root, "snapshotter", "--address", socket];
    return new RunningService(spawn(process.execPath, args, { stdio: ["ignore", "ignore", "ignore"] }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @returns its exit code */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
    return this.#child.exitCode;
  }
}
