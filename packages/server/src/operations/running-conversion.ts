import type { Digest } from "@sluice/oci";
import { RecordConflictError } from "../records/records.js";
import { type AttemptFailure, failureOf } from "./conversion-failure.js";
import type { ConversionsConfig, ConversionsPlaces } from "./conversions-config.js";
import { isOngoing, type Operation, ownAttempts } from "./operation.js";
import type { KnownOperation } from "./operations.js";

/** How often a running operation is looked at, unless its lease is so short: whether it is to end, and whether there is progress to write. Milliseconds. */
const longestLookMs = 1_000;
/** It is touched so often within a lease, so that one write may be late. */
const touchesInLease = 3;
/** A back-off grows to this. Milliseconds. */
const maxBackOffMs = 5 * 60_000;
/** Messages of faults are for people; some quote what a registry answered. */
const maxMessageLength = 1000;

/** Why a conversion was ended from here. */
type StopReason = "canceled" | "lost" | "closing";

/** One attempt at an operation that this process has taken. */
export class RunningConversion {
  readonly #places: ConversionsPlaces;
  readonly #config: ConversionsConfig;
  readonly #stop = new AbortController();
  /** Settles when the attempt is over and written down; never rejects. */
  readonly done: Promise<void>;
  #known: KnownOperation;
  #stopReason: StopReason | undefined;
  #progressPercent = 0;
  #writtenAtMs = performance.now();
  #looking: Promise<void> | undefined;

  constructor(taken: KnownOperation, places: ConversionsPlaces, config: ConversionsConfig) {
    this.#known = taken;
    this.#places = places;
    this.#config = config;
    this.done = this.#run();
  }

  /** Looks whether somebody wants it to end, and writes its progress. */
  look(): void {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  /** Ends it, so that another process can go on with it. */
  async stop(): Promise<void> {
    this.#end("closing");
    await this.done;
  }

  async #run(): Promise<void> {
    const { leaseMs } = this.#config;
    const lookMs = Math.min(longestLookMs, leaseMs / touchesInLease || longestLookMs);
    const timer = setInterval(() => this.look(), lookMs);
    try {
      const outcome = await this.#attempt();
      clearInterval(timer);
      await this.#looking;
      await this.#finish(outcome);
    } catch (error) {
      this.#places.log.warn({ err: error, operation: this.#known.key }, "cannot write how a conversion ended");
    } finally {
      clearInterval(timer);
    }
  }

  async #attempt(): Promise<Digest | AttemptFailure> {
    const { runner, check } = this.#places;
    const { document: operation } = this.#known;
    try {
      const artifact = await runner.run(operation, {
        signal: this.#stop.signal,
        onProgress: (fraction) => {
          this.#progressPercent = Math.floor(Math.min(Math.max(fraction, 0), 1) * 99);
        },
      });
      return (await check(operation, artifact)) ?? artifact;
    } catch (error) {
      return await failureOf(error);
    }
  }

  async #look(): Promise<void> {
    try {
      const found = await this.#places.operations.get(this.#known.key);
      if (found?.version !== this.#known.version && !this.#adopt(found)) return this.#end("lost");
      if (this.#known.document.isCancelRequested === true) return this.#end("canceled");
      const { leaseMs } = this.#config;
      const isOld = leaseMs > 0 && performance.now() - this.#writtenAtMs >= leaseMs / touchesInLease;
      if (!isOld && this.#progressPercent === this.#known.document.progressPercent) return;
      await this.#write({ progressPercent: this.#progressPercent });
    } catch (error) {
      // Somebody wrote it this moment: seen at the next look. A store that is away may be back by then.
      if (error instanceof RecordConflictError) return;
      this.#places.log.warn({ err: error, operation: this.#known.key }, "cannot look at a running conversion");
    }
  }

  /** What somebody else has written of it. @returns whether it is still ours */
  #adopt(found: KnownOperation | undefined): boolean {
    if (found?.document.worker !== this.#config.worker || !isOngoing(found.document)) return false;
    if (found.document.attempts !== this.#known.document.attempts) return false;
    this.#known = found;
    return true;
  }

  async #write(changed: Partial<Operation>): Promise<void> {
    this.#known = await this.#places.operations.change(this.#known, changed);
    this.#writtenAtMs = performance.now();
  }

  #end(reason: StopReason): void {
    this.#stopReason ??= reason;
    this.#stop.abort(new Error(`the conversion is ended: ${reason}`));
  }

  /** What counts is what became of it: an artifact that is there makes it a success, also when somebody wanted it to end. */
  async #finish(outcome: Digest | AttemptFailure): Promise<void> {
    if (typeof outcome !== "string" && this.#stopReason === "lost") return;
    const { operations, log } = this.#places;
    for (;;) {
      try {
        const changed = this.#ending(outcome);
        await this.#write(changed);
        log.info({ operation: this.#known.key, ...changed }, "conversion ended");
        return;
      } catch (error) {
        if (!(error instanceof RecordConflictError)) throw error;
        if (!this.#adopt(await operations.get(this.#known.key))) return;
      }
    }
  }

  #ending(outcome: Digest | AttemptFailure): Partial<Operation> {
    const finishedAt = new Date().toISOString();
    if (typeof outcome === "string") {
      return { status: "Succeeded", progressPercent: 100, artifactDigest: outcome, error: undefined, finishedAt };
    }
    if (this.#known.document.isCancelRequested === true) return { status: "Canceled", finishedAt };
    const { attempts } = this.#known.document;
    const tried = ownAttempts(this.#known.document);
    // Ended by a stop of this process: no fault of the attempt.
    if (this.#stopReason === "closing") return { status: "NotStarted", worker: undefined, attempts: attempts - 1 };
    const error = { code: outcome.code, message: outcome.message.slice(0, maxMessageLength) };
    if (!outcome.isPassing || tried >= this.#config.maxAttempts) return { status: "Failed", error, finishedAt };
    const backOffMs = Math.min(this.#config.backOffMs * 2 ** (tried - 1), maxBackOffMs);
    const notBefore = new Date(Date.now() + backOffMs).toISOString();
    return { status: "NotStarted", worker: undefined, progressPercent: 0, error, notBefore };
  }
}
