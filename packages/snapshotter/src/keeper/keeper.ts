import { randomUUID } from "node:crypto";
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { abortConnectionOn } from "./abort-connection.js";
import { firstDeviceFd, type KeeperPlan, type KeptDaemon, keeperVariable, parseCommand } from "./keeper-plan.js";
import { Patience } from "./patience.js";
import { type DaemonEnd, makeUnlikelyVictim, WatchedDaemon } from "./watched-daemon.js";

/** A daemon of a new command that does not serve this often is replaced by one of the last command that did. */
const maxBadStarts = 2;

/**
 * Keeps a daemon alive: starts one on the descriptors of /dev/fuse that it holds, and the next one on the same when that dies, until one ends because it was told to. SIGINT
 * is passed on, and SIGTERM, unless the plan says that it ends the keeper alone; SIGHUP replaces the daemon by one of the command that was left for it, without taking any mount away.
 *
 * @param env of the daemon
 * @returns the exit code: the daemon's own, 1 when none lives long enough to serve, 0 when it is told to stop before one did
 */
export async function runKeeper(plan: KeeperPlan, env: NodeJS.ProcessEnv = process.env): Promise<number> {
  makeUnlikelyVictim();
  const keeper = new Keeper(plan, env);
  const onSignals: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ["SIGTERM", () => keeper.terminate()],
    ["SIGINT", () => keeper.stop("SIGINT")],
    ["SIGHUP", () => keeper.replace()],
  ];
  for (const [signal, handler] of onSignals) process.on(signal, handler);
  try {
    return await keeper.run();
  } finally {
    for (const [signal, handler] of onSignals) process.off(signal, handler);
  }
}

class Keeper {
  readonly #plan: KeeperPlan;
  readonly #env: NodeJS.ProcessEnv;
  readonly #patience: Patience;
  #devices: readonly number[];
  #token: string;
  #daemon: WatchedDaemon | undefined;
  #command: readonly string[];
  /** The last one whose daemon served. */
  #goodCommand: readonly string[];
  #badStarts = 0;
  readonly #stopping = new AbortController();
  #everServed: boolean;
  #leaving = false;
  #leave: () => void = () => undefined;
  /** Resolves when the daemon is to go on without us. */
  readonly #left = new Promise<undefined>((resolve) => {
    this.#leave = () => resolve(undefined);
  });

  constructor(plan: KeeperPlan, env: NodeJS.ProcessEnv) {
    this.#plan = plan;
    this.#env = env;
    this.#patience = new Patience(plan.patienceMs);
    this.#command = plan.command;
    this.#goodCommand = plan.command;
    this.#everServed = plan.running !== undefined;
    this.#token = plan.running?.token ?? randomUUID();
    this.#devices = plan.running
      ? Array.from({ length: plan.devices }, (_, i) => firstDeviceFd + i)
      : openDevices(plan.devices);
  }

  async run(): Promise<number> {
    const { running } = this.#plan;
    this.#daemon = running ? WatchedDaemon.running(running.pid) : this.#start();
    for (;;) {
      const end = await Promise.race([this.#daemon.ended, this.#left]);
      if (!end) {
        say("info", "ends as told; the daemon goes on with another keeper");
        this.#daemon.letGo();
        return 0;
      }
      const code = this.#codeAfter(end);
      if (code !== undefined) return code;
      const next = this.#patience.afterDeath(performance.now(), end.servedMs);
      if (next.kind === "give-up") {
        say("error", "no daemon lives long enough to serve: every reader gets an error, every mount is lost");
        abortConnectionOn(this.#plan.mountpoint);
        return 1;
      }
      say("warn", `the daemon, process ${this.#daemon.pid}, ended (${end.how}); the next one takes over`);
      if (end.word === "spoiled") this.#renewDevices();
      this.#chooseCommand(end);
      const { signal } = this.#stopping;
      await sleep(next.afterMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return this.#codeWithoutOne();
      this.#daemon = this.#start();
    }
  }

  /** A daemon that does not serve holds nothing yet, or needs our descriptors: the next one that does is left. */
  terminate(): void {
    const isLeft = this.#plan.onTerm === "leave";
    this.#leaving = isLeft;
    if (isLeft && this.#daemon?.isServing) this.#leave();
    if (!isLeft || !this.#everServed) this.stop("SIGTERM"); // one that serves all the same, told too late, is left
  }

  stop(signal: "SIGTERM" | "SIGINT"): void {
    this.#stopping.abort();
    this.#daemon?.kill(signal);
  }

  /** The daemon dies as in a crash, which is the one way that must always work. */
  replace(): void {
    try {
      this.#command = parseCommand(readFileSync(this.#plan.commandFile, "utf8"));
      rmSync(this.#plan.commandFile, { force: true });
    } catch (error) {
      const isThere = !(error instanceof Error && "code" in error && error.code === "ENOENT");
      if (isThere) say("error", `${this.#plan.commandFile}: ${String(error)}; the daemon is started as before`);
    }
    this.#badStarts = 0;
    say("info", "replacing the daemon, as told");
    this.#daemon?.kill("SIGKILL");
  }

  /** @returns undefined when a next daemon is wanted */
  #codeAfter(end: DaemonEnd): number | undefined {
    if (end.word === "ending") return end.exitCode ?? 0;
    // It could not begin at all, and says why: that is for whoever starts it to see.
    if (!this.#everServed && end.exitCode !== undefined && end.word === undefined) return end.exitCode;
    return this.#stopping.signal.aborted ? (end.exitCode ?? this.#codeWithoutOne()) : undefined;
  }

  /** Stopped, and no daemon says how that went. */
  #codeWithoutOne(): number {
    return this.#everServed ? 1 : 0;
  }

  #chooseCommand(end: DaemonEnd): void {
    if (end.servedMs !== undefined || this.#command === this.#goodCommand) return;
    this.#badStarts++;
    if (this.#badStarts < maxBadStarts) return;
    say("error", "the new daemon does not serve; the earlier one is started again");
    this.#command = this.#goodCommand;
  }

  #start(): WatchedDaemon {
    const kept: KeptDaemon = {
      pid: process.pid,
      token: this.#token,
      devices: this.#devices.length,
      commandFile: this.#plan.commandFile,
      mountpoint: this.#plan.mountpoint,
      log: this.#plan.log,
      onTerm: this.#plan.onTerm,
    };
    const env = { ...this.#env, [keeperVariable]: JSON.stringify(kept) };
    const command = this.#command;
    return WatchedDaemon.start(command, env, this.#devices, () => {
      this.#everServed = true;
      this.#goodCommand = command;
      if (this.#leaving) this.#leave();
    });
  }

  /** To close the last descriptors of a connection ends it. */
  #renewDevices(): void {
    for (const device of this.#devices) closeSync(device);
    this.#devices = openDevices(this.#plan.devices);
    this.#token = randomUUID();
  }
}

/** None where FUSE is not to be had: the daemon says so to whoever wants a mount. */
function openDevices(count: number): readonly number[] {
  const devices: number[] = [];
  try {
    while (devices.length < count) devices.push(openSync("/dev/fuse", "r+"));
    return devices;
  } catch {
    for (const device of devices) closeSync(device);
    return [];
  }
}

/** As the daemon's log has it: pino's numbers. */
const levels = { info: 30, warn: 40, error: 50 } as const;

function say(level: keyof typeof levels, msg: string): void {
  const line = { level: levels[level], time: Date.now(), pid: process.pid, name: "keeper", msg };
  try {
    writeSync(2, `${JSON.stringify(line)}\n`);
  } catch {
    // a log that is full or gone is no reason to stop keeping
  }
}
