import { setTimeout as pause } from "node:timers/promises";
import { seededRandom } from "@sluice/oci/testing";
import type { WorkerOptions } from "@sluice/server";
import { type RecordedAttempts, recordedAttempts } from "@sluice/server/testing";
import { type RunningRegistry, startRegistry } from "../running-registry.js";
import { startQuickWorker, type WorkerProcess } from "../worker-process.js";
import { audit } from "./audit.js";
import { ConvertingClient } from "./converting-client.js";
import { Ledger } from "./ledger.js";
import { PushingClient } from "./pushing-client.js";
import { RegistryRequests } from "./requests.js";

export interface ChaosOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly secondsBetweenKills: number;
  readonly storage: WorkerOptions["shared"];
  /** Of the processes: keys to the storage. */
  readonly env: Readonly<Record<string, string>>;
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface ChaosReport {
  readonly kills: number;
  /** Of the kills, how many hit a request of each kind; for `conversion`, those of workers while one was seen to run. */
  readonly hit: Readonly<Record<string, number>>;
  readonly acknowledged: number;
  readonly operations: number;
  /** Conversions that were begun again because their worker had died. */
  readonly deaths: number;
  readonly audited: number;
  readonly complaints: readonly string[];
}

const [serves, workers] = [3, 2];
const [pushingClients, convertingClients] = [3, 2];
/** A worker's lease runs out in seconds here; each of the last operations may wait for the one before. Milliseconds. */
const operationPatienceMs = 120_000;

/**
 * Several `serve` and `worker` processes on one PostgreSQL and one bucket, of which one is killed every so often and started again, under clients
 * that push, delete and convert through any of them. In the end all that was acknowledged is there, and nothing was converted twice.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  await using chaos = new Chaos(options);
  return await chaos.run();
}

class Chaos implements AsyncDisposable {
  readonly #options: ChaosOptions;
  readonly #random: () => number;
  readonly #requests: RegistryRequests;
  readonly #ledger = new Ledger();
  readonly #registries: RunningRegistry[] = [];
  readonly #dead = new Set<RunningRegistry>();
  readonly #workers: WorkerProcess[] = [];
  readonly #pushing: readonly PushingClient[];
  readonly #converting: readonly ConvertingClient[];
  #kills = 0;
  #workerKills = 0;

  constructor(options: ChaosOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#requests = new RegistryRequests(() => this.#livingHost());
    const places = (seed: number) => {
      return { requests: this.#requests, ledger: this.#ledger, random: seededRandom(options.seed * 1000 + seed) };
    };
    this.#pushing = numbers(pushingClients).map((at) => new PushingClient(places(at), `chaos/push/${at}`));
    this.#converting = numbers(convertingClients).map(
      (at) => new ConvertingClient(places(100 + at), `chaos/convert/${at}`),
    );
  }

  async run(): Promise<ChaosReport> {
    const { storage, env, seconds, secondsBetweenKills } = this.#options;
    const configuration = { storage, conversions: 0 };
    this.#registries.push(...(await Promise.all(numbers(serves).map(() => startRegistry(configuration, env)))));
    this.#workers.push(...(await Promise.all(numbers(workers).map(() => startQuickWorker(storage)))));
    let isDone = false;
    const working = [...this.#pushing, ...this.#converting].map((client) => client.work(() => isDone));
    const begunAtMs = performance.now();
    for (let at = secondsBetweenKills; at < seconds; at += secondsBetweenKills) {
      // What died the last time may take most of that to come back.
      const restMs = begunAtMs + at * 1000 - performance.now();
      await Promise.race([pause(Math.max(0, restMs)), ...working]);
      await this.#killOne();
    }
    isDone = true;
    await Promise.all(working);
    const operations = this.#converting.flatMap((client) => client.operations);
    const places = { requests: this.#requests, ledger: this.#ledger, operations };
    const found = await audit(places, { isFull: true, patienceMs: operationPatienceMs });
    const attempts = await recordedAttempts(storage.postgres);
    const deaths = attempts.reduce((sum, operation) => sum + operation.deaths, 0);
    return {
      kills: this.#kills,
      hit: this.#requests.hit,
      acknowledged: this.#requests.acknowledged,
      operations: operations.length,
      deaths,
      audited: this.#ledger.keys().length,
      complaints: [...found, ...this.#requests.complaints, ...this.#againOf(attempts, deaths)],
    };
  }

  /** What was converted twice without need, and whether any conversion had to be taken up again at all. */
  #againOf(attempts: readonly RecordedAttempts[], deaths: number): readonly string[] {
    const twice = attempts.filter((one) => one.attempts - one.deaths > 1);
    const { conversion: killed = 0 } = this.#requests.hit;
    return [
      ...twice.map(
        ({ id, ...one }) => `operation ${id} was converted again though no worker died: ${JSON.stringify(one)}`,
      ),
      ...(deaths > this.#workerKills
        ? [`${deaths} conversions were taken from ${this.#workerKills} workers that were killed`]
        : []),
      ...(this.#workerKills > 0 && killed === 0
        ? ["no kill of a worker hit a conversion: nothing is known of that"]
        : []),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of [...this.#workers, ...this.#registries]) await process[Symbol.asyncDispose]();
  }

  /** A process of any kind, and starts another in its place. */
  async #killOne(): Promise<void> {
    const victim = Math.floor(this.#random() * (serves + workers));
    const registry = this.#registries[victim];
    this.#options.onLine?.(
      `kill ${++this.#kills}: a ${registry ? "serve" : "worker"} after ${this.#requests.acknowledged} acknowledged`,
    );
    if (registry === undefined) {
      const worker = this.#workers[victim - serves];
      if (worker === undefined) return;
      this.#workerKills++;
      this.#requests.strike((kind) => kind === "conversion");
      process.kill(worker.pid, "SIGKILL");
      await worker[Symbol.asyncDispose]();
      this.#workers[victim - serves] = await startQuickWorker(this.#options.storage);
      return;
    }
    this.#requests.strike((kind) => kind !== "conversion");
    this.#dead.add(registry);
    await registry.stop("SIGKILL");
    await registry.restart();
    this.#dead.delete(registry);
  }

  #livingHost(): string {
    const living = this.#registries.filter((registry) => !this.#dead.has(registry));
    return living[Math.floor(Math.random() * living.length)]?.host ?? "";
  }
}

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);
