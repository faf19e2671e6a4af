import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type DaemonWord, isDaemonWord, linkFd } from "./keeper-plan.js";

/** How a daemon ended. */
export interface DaemonEnd {
  /** The last thing it said. */
  readonly word: DaemonWord | undefined;
  /** Milliseconds; undefined if it never did. */
  readonly servedMs: number | undefined;
  /** Undefined when it is not known, or was a signal. */
  readonly exitCode: number | undefined;
  /** In words. */
  readonly how: string;
}

/** How often a daemon is looked at that cannot be heard of: one that died while a thread of it waits inside the kernel. Milliseconds. */
const lookEveryMs = 250;
/** As long as this may pass between the end of the link and that of the process before the process counts as dead. Milliseconds. */
const lastWordsMs = 250;

/** One life of the daemon, from outside. */
export class WatchedDaemon {
  readonly pid: number;
  readonly ended: Promise<DaemonEnd>;
  readonly #link: Duplex;
  readonly #child: ChildProcess | undefined;
  #word: DaemonWord | undefined;
  #servingSince: number | undefined;

  private constructor(pid: number, link: Duplex, child: ChildProcess | undefined, onServing: () => void) {
    this.pid = pid;
    this.#link = link;
    this.#child = child;
    this.#listen(link, onServing);
    this.ended = this.#end(link, child);
  }

  /** Starts one. `devices` are its descriptors of /dev/fuse, behind the link. */
  static start(
    command: readonly string[],
    env: NodeJS.ProcessEnv,
    devices: readonly number[],
    onServing: () => void,
  ): WatchedDaemon {
    const [program = "", ...args] = command;
    const child = spawn(program, args, {
      detached: true, // Ctrl-C at a terminal is the keeper's to pass on
      cwd: "/",
      env,
      stdio: ["ignore", "inherit", "inherit", "pipe", ...devices],
    });
    const link = child.stdio[linkFd];
    if (child.pid !== undefined) makeMortal(child.pid);
    return new WatchedDaemon(child.pid ?? 0, link as Duplex, child, onServing); // a pipe is one
  }

  /** One that started this process, and holds the other end of its link. */
  static running(pid: number): WatchedDaemon {
    const watched = new WatchedDaemon(pid, new Socket({ fd: linkFd }), undefined, () => undefined);
    watched.#servingSince = performance.now();
    return watched;
  }

  get isServing(): boolean {
    return this.#word === "serving" || (this.#word === undefined && this.#servingSince !== undefined);
  }

  /** It goes on, and hears that its keeper has gone. */
  letGo(): void {
    this.#child?.unref();
    this.#link.destroy();
  }

  kill(signal: NodeJS.Signals): void {
    try {
      if (this.pid > 0) process.kill(this.pid, signal);
    } catch {
      // it is dead, which its end says
    }
  }

  #listen(link: Duplex, onServing: () => void): void {
    let rest = "";
    link.on("data", (bytes: Buffer) => {
      const lines = `${rest}${bytes.toString()}`.split("\n");
      rest = (lines.pop() ?? "").slice(0, 64);
      for (const word of lines.filter(isDaemonWord)) {
        this.#word = word;
        if (word !== "serving") continue;
        this.#servingSince ??= performance.now();
        onServing();
      }
    });
    link.on("error", () => undefined); // its end says the same
  }

  #end(link: Duplex, child: ChildProcess | undefined): Promise<DaemonEnd> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const end = (how: string, exitCode?: number): void => {
        clearInterval(timer);
        link.destroy(); // a child of the daemon may hold the other end
        const servedMs = this.#servingSince === undefined ? undefined : performance.now() - this.#servingSince;
        resolve({ word: this.#word, servedMs, exitCode, how });
      };
      child?.once("error", (error) => end(error.message));
      child?.once("exit", (code, signal) => end(signal ?? `exit ${code}`, code ?? undefined));
      link.once("close", () => setTimeout(() => end("it let go of the link"), child === undefined ? 0 : lastWordsMs));
      timer = setInterval(() => {
        if (isDead(this.pid)) end("dead, with a thread that waits inside the kernel");
      }, lookEveryMs);
    });
  }
}

/**
 * A process whose first thread has ended runs no JavaScript any more. The kernel tells its parent only when its last thread has ended, and that one may be
 * waiting for a read that only the next daemon answers.
 */
function isDead(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return true;
  }
}

/** The keeper is the last process that the kernel should kill when memory is short; the daemon, which it brings back, has no such privilege. */
function makeMortal(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, "0");
  } catch {
    // not root, or it ended already
  }
}

/** See {@link makeMortal}. */
export function makeUnlikelyVictim(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", "-900");
  } catch {
    // only root may
  }
}
