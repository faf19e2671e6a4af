import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type DaemonWord,
  firstDeviceFd,
  type KeeperPlan,
  type KeptDaemon,
  keeperVariable,
  linkFd,
  type OnTerm,
} from "./keeper-plan.js";
import { startKeeper } from "./start-keeper.js";

/** Before another keeper is started when one has died; it doubles when that dies at once. Milliseconds. */
const firstPauseMs = 10;
const maxPauseMs = 10_000;
/** A keeper that lived for this long had a good start. Milliseconds. */
const goodLifeMs = 1000;

/** A daemon's side of its keeper: what it got from it, what it says to it, and the next keeper when that one dies. */
export class AttachedKeeper {
  /** Names the connection of {@link devices}. */
  readonly token: string;
  /** Descriptors of /dev/fuse that outlive this process. None where FUSE is not to be had. */
  readonly devices: readonly number[];
  /** Where the daemon's log belongs. */
  readonly log: KeptDaemon["log"];
  readonly #plan: KeeperPlan;
  #pid: number;
  #link: Duplex;
  #word: DaemonWord | undefined;
  #pauseMs = firstPauseMs;
  /** Called with the pid of another keeper that takes the place of one that died, before {@link pid} names it. */
  onReplaced: (pid: number) => Promise<void> = async () => undefined;

  private constructor(kept: KeptDaemon) {
    this.token = kept.token;
    this.devices = Array.from({ length: kept.devices }, (_, i) => firstDeviceFd + i);
    this.#pid = kept.pid;
    this.log = kept.log;
    this.#plan = {
      command: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
      commandFile: kept.commandFile,
      mountpoint: kept.mountpoint,
      log: kept.log,
      devices: kept.devices,
      onTerm: kept.onTerm,
      running: { pid: process.pid, token: kept.token },
    };
    this.#link = this.#watch(new Socket({ fd: linkFd }));
  }

  /** The keeper that started this process, if one did; what tells of it is taken out of `env`. Call it once. */
  static fromEnvironment(env: NodeJS.ProcessEnv): AttachedKeeper | undefined {
    const text = env[keeperVariable];
    delete env[keeperVariable]; // meant for this process, not for its children
    if (text === undefined || !hasLink()) return undefined;
    return new AttachedKeeper(JSON.parse(text) as KeptDaemon); // keeper.ts gives nothing else
  }

  /** See {@link KeeperPlan.onTerm}: the daemon does likewise. */
  get onTerm(): OnTerm {
    return this.#plan.onTerm ?? "stop";
  }

  get pid(): number {
    return this.#pid;
  }

  /** The last word is heard although this process ends right after it. */
  say(word: DaemonWord): void {
    this.#word = word;
    this.#link.write(`${word}\n`);
  }

  #watch(link: Duplex): Duplex {
    const since = performance.now();
    link.on("error", () => undefined); // its end says the same
    link.once("close", () => void this.#replace(performance.now() - since >= goodLifeMs));
    link.resume();
    if (link instanceof Socket) link.unref();
    return link;
  }

  async #replace(wasGood: boolean): Promise<void> {
    if (this.#word === "ending" || this.#word === "spoiled") return;
    this.#pauseMs = wasGood ? firstPauseMs : Math.min(this.#pauseMs * 2, maxPauseMs);
    await sleep(this.#pauseMs, undefined, { ref: false });
    const child = startKeeper(this.#plan, process.env, ["ignore", "inherit", "inherit", "pipe", ...this.devices]);
    child.unref();
    child.on("error", () => undefined); // its link closes, too
    this.#link = this.#watch(child.stdio[linkFd] as Duplex); // a pipe is one
    this.#link.write(`${this.#word ?? "serving"}\n`);
    await this.onReplaced(child.pid ?? 0);
    this.#pid = child.pid ?? 0;
  }
}

/**
 * A variable that was inherited by accident comes without its descriptors. `bigint`: Node 20's realpathSync looks at what the last plain stat filled in, and after one of a
 * socket it follows no links any more, so that packages would be looked for in the wrong place (lib/fs.js, `isFileType(statValues, S_IFSOCK)`).
 */
function hasLink(): boolean {
  try {
    return fstatSync(linkFd, { bigint: true }).isSocket();
  } catch {
    return false;
  }
}
