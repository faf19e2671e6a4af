import { setTimeout as pause } from "node:timers/promises";
import { seededRandom } from "@sluice/oci/testing";
import { type RunningRegistry, startRegistry } from "../running-registry.js";
import { audit } from "./audit.js";
import { ConvertingClient } from "./converting-client.js";
import { Ledger } from "./ledger.js";
import { PushingClient } from "./pushing-client.js";
import { RegistryRequests, untilAnswered } from "./requests.js";

export interface KillsOptions {
  readonly seed: number;
  readonly kills: number;
  /** Of the registry; the kill comes at a random moment of it. Milliseconds. Default: 2,000. */
  readonly longestLifeMs?: number | undefined;
  /** The `serve` part of the configuration. Default: files below a temporary data root. */
  readonly configuration?: object | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface KillsReport {
  readonly kills: number;
  /** Requests of clients that succeeded. */
  readonly acknowledged: number;
  /** Of the kills, how many hit a request of each kind, or a conversion that was seen to run. */
  readonly hit: Readonly<Record<string, number>>;
  readonly operations: number;
  readonly audited: number;
  /** From the kill until the registry answered again: the longest. Milliseconds. */
  readonly longestRestartMs: number;
  readonly complaints: readonly string[];
}

/**
 * What kills are aimed at, one after the other, and how long after it is seen under way they come at most: about as long as it takes. Milliseconds.
 * Collections go on in every other life.
 */
const aims = [
  { kind: "push", longestWaitMs: 200 },
  { kind: "collect", longestWaitMs: 200 },
  { kind: "conversion", longestWaitMs: 1_500 },
  { kind: "delete", longestWaitMs: 10 },
] as const;
/** Until what a kill is aimed at is under way. Milliseconds. */
const aimPatienceMs = 60_000;
const aimLookMs = 2;

const pushingClients = 4;
/** Most conversions of these images are over by then. */
const defaultLifeMs = 2_000;
/** Everything is looked at after so many kills, and in the end. */
const killsBetweenFullAudits = 5;
/** For operations to come to their end once nothing is killed any more: on shared storage a dead worker's lease must run out first. Milliseconds. */
const operationPatienceMs = 120_000;

/**
 * Kills a registry at random moments under clients that push, delete, convert and collect, in the middle of each of these by turns, and looks after
 * each start whether it holds what it acknowledged. In every other life there is a collection without grace: blobs that no manifest names are then
 * nobody's. A kind of work that no kill has hit is a complaint once each had its turn.
 */
export async function runKills(options: KillsOptions): Promise<KillsReport> {
  await using registry = await startRegistry(options.configuration, options.env);
  return await new Kills(registry, options).run();
}

class Kills {
  readonly #registry: RunningRegistry;
  readonly #options: KillsOptions;
  readonly #random: () => number;
  readonly #requests: RegistryRequests;
  readonly #ledger = new Ledger();
  readonly #pushing: readonly PushingClient[];
  readonly #converting: ConvertingClient;
  readonly #complaints: string[] = [];
  #longestRestartMs = 0;

  constructor(registry: RunningRegistry, options: KillsOptions) {
    this.#registry = registry;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#requests = new RegistryRequests(() => registry.host);
    const places = (seed: number) => {
      return { requests: this.#requests, ledger: this.#ledger, random: seededRandom(options.seed * 1000 + seed) };
    };
    this.#pushing = Array.from({ length: pushingClients }, (_, at) => new PushingClient(places(at), `push/${at}`));
    this.#converting = new ConvertingClient(places(pushingClients), "convert");
  }

  async run(): Promise<KillsReport> {
    const { kills } = this.#options;
    for (let kill = 1; kill <= kills; kill++) {
      await this.#life(aims[(kill - 1) % aims.length] ?? aims[0]);
      const isFull = kill % killsBetweenFullAudits === 0 || kill === kills;
      await this.#audit(kill, isFull);
    }
    for (const { kind } of aims.slice(0, kills)) {
      if (this.#requests.hit[kind] === undefined)
        this.#complaints.push(`no kill hit a ${kind}: nothing is known of that`);
    }
    return {
      kills,
      acknowledged: this.#requests.acknowledged,
      hit: this.#requests.hit,
      operations: this.#converting.operations.length,
      audited: this.#ledger.keys().length,
      longestRestartMs: Math.round(this.#longestRestartMs),
      complaints: this.#complaints,
    };
  }

  async #life(aim: (typeof aims)[number]): Promise<void> {
    const isCollected = aims.indexOf(aim) % 2 === 1;
    let isDead = false;
    const isOver = (): boolean => isDead;
    if (isCollected) this.#ledger.doubt("blob ");
    const working = [...this.#pushing, this.#converting].map((client) => client.work(isOver));
    if (isCollected) working.push(this.#collect(isOver));
    await Promise.race([this.#moment(aim), ...working]);
    this.#requests.strike();
    isDead = true;
    const killedAtMs = performance.now();
    await this.#registry.stop("SIGKILL");
    await Promise.all(working);
    if (isCollected) this.#ledger.doubt("blob ");
    await this.#registry.restart();
    this.#longestRestartMs = Math.max(this.#longestRestartMs, performance.now() - killedAtMs);
  }

  /** Some time on, in the middle of what the kill is aimed at. */
  async #moment({ kind, longestWaitMs }: (typeof aims)[number]): Promise<void> {
    await pause(this.#random() * (this.#options.longestLifeMs ?? defaultLifeMs));
    const isUnderWay = (): boolean => (this.#requests.inFlight.get(kind) ?? 0) > 0;
    const untilMs = performance.now() + aimPatienceMs;
    while (performance.now() < untilMs) {
      if (isUnderWay()) await pause(this.#random() * longestWaitMs);
      if (isUnderWay()) return;
      await pause(aimLookMs);
    }
  }

  async #collect(isOver: () => boolean): Promise<void> {
    const send = () =>
      this.#requests.send("collect", "POST", "/api/v1/garbage-collections", { json: { graceSeconds: 0 } });
    while (!isOver()) await untilAnswered(send, isOver);
  }

  async #audit(kill: number, isFull: boolean): Promise<void> {
    const places = { requests: this.#requests, ledger: this.#ledger, operations: this.#converting.operations };
    const patienceMs = isFull ? operationPatienceMs : 0;
    const found = [...(await audit(places, { isFull, patienceMs })), ...this.#requests.complaints.splice(0)];
    this.#complaints.push(...found.map((complaint) => `after kill ${kill}: ${complaint}`));
    const hit = Object.entries(this.#requests.hit).map(([kind, count]) => `${count} ${kind}`);
    const line = `kill ${kill}: ${this.#requests.acknowledged} acknowledged, hit so far: ${hit.join(", ")}; ${found.length} complaints`;
    this.#options.onLine?.([line, ...found].join("\n  "));
  }
}
