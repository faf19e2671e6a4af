import { execFile, spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { playTimeline, seededRandom } from "@sluice/oci/testing";
import { DaemonError, type StoreUse } from "@sluice/snapshotter";
import { damageStore } from "./damage.js";
import { FaultyNode, type Held } from "./faulty-node.js";
import { type LifePlan, type NodeStep, planRun } from "./plan.js";
import { type BadRead, startReaders } from "./readers.js";

const run = promisify(execFile);

export interface FaultsOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly onLine?: (line: string) => void;
  /** Kills the daemon, which comes back by itself; absent where nothing brings it back. */
  readonly killDaemon?: (node: FaultyNode) => Promise<void>;
}

/** How one life of the daemon went. */
export interface LifeReport {
  readonly reads: number;
  readonly bytesRead: number;
  readonly wrong: readonly BadRead[];
  /** That no fault of the plan accounts for. */
  readonly unexplained: readonly BadRead[];
  readonly explained: number;
  readonly faultsServed: number;
  /** Once it had read for a moment, and when it was left in peace at the end. */
  readonly before: Held;
  readonly after: Held;
  readonly store: StoreUse;
}

export const faultyNode = {
  files: 32,
  fileBytes: 3 * 1024 * 1024 + 5000,
  budgetBytes: 64 * 1024 * 1024,
  diskBytes: 96 * 1024 * 1024,
  deadlineSeconds: 40,
} as const;
const readers = 8;
/** A read that fails may be told so a moment after the registry is back: its last pause, and the memory of failures. */
const graceMs = 5000;

/** Readers with checksums over a mounted image, while everything that the plan of the seed names goes wrong. */
export async function runFaults(options: FaultsOptions): Promise<readonly LifeReport[]> {
  const deadlineMs = faultyNode.deadlineSeconds * 1000;
  const canKillDaemon = options.killDaemon !== undefined;
  const plan = planRun({ seed: options.seed, seconds: options.seconds, deadlineMs, canKillDaemon });
  const node = await FaultyNode.create({ ...faultyNode, seed: options.seed });
  const reports: LifeReport[] = [];
  try {
    for (const life of plan) {
      reports.push(await new Life(node, life, options).live());
      options.onLine?.(JSON.stringify(reports.at(-1)));
      const random = seededRandom(life.seed);
      for (const damage of life.afterwards) await damageStore(node, damage, random);
    }
    return reports;
  } finally {
    await node.close();
  }
}

class Life {
  readonly #node: FaultyNode;
  readonly #plan: LifePlan;
  readonly #options: FaultsOptions;
  readonly #random: () => number;
  /** When reads may fail. Milliseconds since 1970. */
  readonly #away: { readonly fromMs: number; readonly toMs: number }[] = [];
  readonly #lasting = new Set<Promise<void>>();

  constructor(node: FaultyNode, plan: LifePlan, options: FaultsOptions) {
    this.#node = node;
    this.#plan = plan;
    this.#options = options;
    this.#random = seededRandom(plan.seed + 1);
  }

  async live(): Promise<LifeReport> {
    const node = this.#node;
    await node.start();
    await node.mount();
    const { files, fileBytes } = faultyNode;
    const reading = startReaders({ mountpoint: node.mountpoint, files, fileBytes, readers, seed: this.#plan.seed });
    await sleep(1000);
    const before = await node.held();
    const endFaults = playTimeline(node.registry.faults, this.#plan.faults);
    await this.#takeSteps();
    endFaults();
    node.registry.faults.clear();
    const { reads, bytesRead, bad } = await reading.stop(faultyNode.deadlineSeconds * 1000 + 20_000);
    await sleep(1500); // what is on its way arrives
    const after = await node.held();
    const store = await node.client.storeUse();
    await node.stop();
    const errors = bad.filter(({ kind }) => kind === "error");
    const unexplained = errors.filter((read) => !this.#isExplained(read));
    const explained = errors.length - unexplained.length;
    const wrong = bad.filter(({ kind }) => kind === "wrong");
    const { served: faultsServed } = node.registry.faults;
    return { reads, bytesRead, wrong, unexplained, explained, faultsServed, before, after, store };
  }

  async #takeSteps(): Promise<void> {
    const start = performance.now();
    for (const { atMs, step } of this.#plan.steps) {
      await sleep(Math.max(0, start + atMs - performance.now()));
      this.#options.onLine?.(`${Math.round(performance.now() - start)} ms: ${JSON.stringify(step)}`);
      await this.#take(step);
    }
    await sleep(Math.max(0, start + this.#plan.lengthMs - performance.now()));
    await Promise.all(this.#lasting);
  }

  async #take(step: NodeStep): Promise<void> {
    switch (step.kind) {
      case "drop-caches":
        return await writeFile("/proc/sys/vm/drop_caches", "1");
      case "full-disk":
        return this.#last(this.#fillDisk(step.forMs));
      case "registry-away":
        return this.#last(this.#sendAway(step.forMs));
      case "damage":
        return await damageStore(this.#node, step.damage, this.#random);
      case "kill-readers":
        return await this.#killReaders();
      case "unmount-under-load":
        return await this.#unmountUnderLoad();
      case "kill-daemon":
        return await this.#options.killDaemon?.(this.#node);
      default:
        throw new Error(`no such step: ${JSON.stringify(step satisfies never)}`);
    }
  }

  #last(work: Promise<void>): void {
    const lasting: Promise<void> = work.finally(() => this.#lasting.delete(lasting));
    this.#lasting.add(lasting);
  }

  async #fillDisk(forMs: number): Promise<void> {
    const ballast = join(this.#node.disk, "ballast");
    const count = faultyNode.diskBytes / 2 ** 20;
    await run("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1M", `count=${count}`]).catch(() => undefined); // until there is no room
    await sleep(forMs);
    await rm(ballast, { force: true });
  }

  async #sendAway(forMs: number): Promise<void> {
    const fromMs = performance.timeOrigin + performance.now();
    const comeBack = this.#node.registry.faults.add({ fault: { kind: "reset" } });
    await sleep(forMs);
    comeBack();
    if (forMs > faultyNode.deadlineSeconds * 1000) this.#away.push({ fromMs, toMs: fromMs + forMs + graceMs });
  }

  async #killReaders(): Promise<void> {
    const path = (): string => join(this.#node.mountpoint, `file-${Math.floor(this.#random() * faultyNode.files)}`);
    const cats = Array.from({ length: 8 }, () => spawn("cat", [path()], { stdio: "ignore" }));
    await sleep(5 + this.#random() * 40);
    for (const cat of cats) cat.kill("SIGKILL");
  }

  async #unmountUnderLoad(): Promise<void> {
    const second = `${this.#node.mountpoint}-2`;
    await mkdir(second, { recursive: true });
    try {
      await this.#node.mount(second);
    } catch (error) {
      if (error instanceof DaemonError) return; // a mount may fail while the registry does
      throw error;
    }
    const cats = Array.from({ length: 4 }, (_, i) => spawn("cat", [join(second, `file-${i}`)], { stdio: "ignore" }));
    await sleep(this.#random() * 50);
    await this.#node.client.unmount({ mountpoint: second, detach: true });
    for (const cat of cats) cat.kill("SIGKILL");
  }

  #isExplained({ startMs, endMs }: BadRead): boolean {
    return this.#away.some(({ fromMs, toMs }) => startMs < toMs && endMs > fromMs);
  }
}
