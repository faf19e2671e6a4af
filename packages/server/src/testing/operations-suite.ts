import { type Digest, sha256Of } from "@sluice/oci";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AttemptFailure, ConversionFailedError } from "../operations/conversion-failure.js";
import type { RunOptions } from "../operations/conversion-runner.js";
import { Conversions } from "../operations/conversions.js";
import { type ConversionsConfig, defaultConversions } from "../operations/conversions-config.js";
import type { Operation } from "../operations/operation.js";
import { type KnownOperation, type OperationRequest, Operations } from "../operations/operations.js";
import type { OpenedRecords } from "./records-suite.js";

const wish = (text: string, changed: Partial<OperationRequest> = {}): OperationRequest => ({
  ...{ repository: "app", digest: sha256Of(text), tag: text, cause: "request", isForced: false, caller: "ann" },
  ...changed,
});
const artifact = sha256Of("artifact");

/** A conversion that a test leads: it goes on until {@link end} is called. */
class LedRuns {
  readonly begun: { readonly operation: Operation; readonly options: RunOptions }[] = [];
  readonly #ends: ((outcome: Digest | Error) => void)[] = [];

  run(operation: Operation, options: RunOptions): Promise<Digest> {
    this.begun.push({ operation, options });
    return new Promise((resolve, reject) => {
      options.signal?.addEventListener("abort", () => reject(options.signal?.reason), { once: true });
      this.#ends.push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
    });
  }

  end(at: number, outcome: Digest | Error): void {
    this.#ends[at]?.(outcome);
  }
}

const failing = (code: "UNKNOWN_ERROR" | "UNSUPPORTED_PLATFORM"): ConversionFailedError =>
  new ConversionFailedError({ code, message: "it failed", isPassing: code === "UNKNOWN_ERROR" });

/** What operations and their conversions owe a registry, whatever keeps its records. */
export function operationsSuite(name: string, open: () => Promise<OpenedRecords>): void {
  describe(`operations, kept by ${name}`, () => {
    let opened: OpenedRecords;
    let operations: Operations;
    let unpublished: AttemptFailure | undefined;
    const running: Conversions[] = [];
    beforeEach(async () => {
      opened = await open();
      operations = new Operations(opened.records);
      unpublished = undefined;
    });
    afterEach(async () => {
      for (const conversions of running.splice(0)) await conversions[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    });

    /** Another process. */
    const convert = (config: Partial<ConversionsConfig> = {}): LedRuns => {
      const runs = new LedRuns();
      const check = async () => unpublished;
      const log = pino({ level: "silent" });
      const own = new Operations(opened.records);
      const places = { operations: own, check, runner: runs, log };
      const defaults = { ...defaultConversions, worker: `worker ${running.length}`, pollMs: 20, backOffMs: 1 };
      running.push(new Conversions(places, { ...defaults, ...config }));
      return runs;
    };
    const request = async (text: string): Promise<string> => (await operations.request(wish(text))).operation.id;
    const queued = async (): Promise<KnownOperation[]> => {
      const all: KnownOperation[] = [];
      for await (const known of operations.queued()) all.push(known);
      return all;
    };
    const stateOf = async (id: string): Promise<Operation | undefined> => (await operations.get(id))?.document;
    const until = (check: () => Promise<void> | void) => vi.waitFor(check, { timeout: 50_000, interval: 10 });

    it("AS25: gives an image one operation at a time, whoever asks and however many at once", async () => {
      const other = new Operations(opened.records);
      const both = await Promise.all([operations, other].map((one) => one.request(wish("a"))));
      expect(new Set(both.map(({ operation }) => operation.id)).size).toBe(1);
      expect(both.map(({ isNew }) => isNew).sort()).toEqual([false, true]);
      const [elsewhere] = await Promise.all([operations.request(wish("a", { repository: "b" }))]);
      expect(elsewhere.isNew).toBe(true);
      const id = both[0]?.operation.id ?? "";
      await operations.cancel(id);
      const next = await operations.request(wish("a"));
      expect([next.isNew, next.operation.id === id]).toEqual([true, false]);
      expect((await operations.lastOf("app", sha256Of("a")))?.id).toBe(next.operation.id);
    });

    it("lists them the newest first, page by page, and the queue the oldest first", async () => {
      const ids: string[] = [];
      for (const text of ["a", "b", "c"]) ids.push(await request(text));
      const listed = async (page: { limit: number; after?: string }, filter = (_: Operation) => true) =>
        (await operations.list(filter, page)).map(({ id }) => id);
      expect(await listed({ limit: 10 })).toEqual(ids.toReversed());
      expect(await listed({ limit: 1, after: ids[2] ?? "" })).toEqual([ids[1]]);
      expect(await listed({ limit: 10 }, ({ tag }) => tag === "b")).toEqual([ids[1]]);
      await operations.cancel(ids[0] ?? "");
      expect((await queued()).map(({ key }) => key)).toEqual(ids.slice(1));
    });

    it("AS27: tells how far one is, and that it is done when its artifact is listed", async () => {
      const id = await request("a");
      const runs = convert();
      await until(() => expect(runs.begun).toHaveLength(1));
      runs.begun[0]?.options.onProgress(0.5);
      await until(async () => expect(await stateOf(id)).toMatchObject({ status: "Running", progressPercent: 49 }));
      runs.end(0, artifact);
      const done = { status: "Succeeded", progressPercent: 100, artifactDigest: artifact, attempts: 1 };
      await until(async () => expect(await stateOf(id)).toMatchObject(done));
      expect(await queued()).toEqual([]);
    });

    it("does not call one done whose artifact nobody can find", async () => {
      unpublished = { code: "UNKNOWN_ERROR", message: "it is not listed", isPassing: true };
      const id = await request("a");
      const runs = convert({ maxAttempts: 1 });
      await until(() => expect(runs.begun).toHaveLength(1));
      runs.end(0, artifact);
      await until(async () =>
        expect(await stateOf(id)).toMatchObject({ status: "Failed", error: { code: "UNKNOWN_ERROR" } }),
      );
    });

    it("tries again what may pass, so many times, and nothing else", async () => {
      const [passing, lasting] = [await request("a"), await request("b")];
      const runs = convert({ maxAttempts: 3, concurrency: 2 });
      await until(() => expect(runs.begun).toHaveLength(2));
      const first = runs.begun.findIndex(({ operation }) => operation.id === passing);
      runs.end(first, failing("UNKNOWN_ERROR"));
      runs.end(1 - first, failing("UNSUPPORTED_PLATFORM"));
      for (const at of [2, 3]) {
        await until(() => expect(runs.begun.length).toBeGreaterThan(at));
        runs.end(at, failing("UNKNOWN_ERROR"));
      }
      const [one, two] = [
        { status: "Failed", attempts: 3, error: { code: "UNKNOWN_ERROR", message: "it failed" } },
        { status: "Failed", attempts: 1, error: { code: "UNSUPPORTED_PLATFORM" } },
      ];
      await until(async () => expect(await stateOf(passing)).toMatchObject(one));
      expect(await stateOf(lasting)).toMatchObject(two);
      expect(runs.begun).toHaveLength(4);
    });

    it("runs no more than so many at once", async () => {
      for (const text of ["a", "b", "c"]) await request(text);
      const runs = convert({ concurrency: 2 });
      await until(() => expect(runs.begun).toHaveLength(2));
      runs.end(0, artifact);
      await until(() => expect(runs.begun).toHaveLength(3));
      expect((await queued()).map(({ document }) => document.status)).toEqual(["Running", "Running"]);
    });

    it("runs what can be run, however many older ones have to wait", async () => {
      for (let at = 0; at < 120; at++) await request(`waiting ${at}`);
      const notBefore = new Date(Date.now() + 3_600_000).toISOString();
      for (const known of await queued()) await operations.change(known, { notBefore });
      const id = await request("a");
      const runs = convert();
      await until(() => expect(runs.begun.map(({ operation }) => operation.id)).toEqual([id]));
    });

    it("AS28: ends one that runs, and one that waits, and none that has finished", async () => {
      const [runs, waits] = [await request("a"), await request("b")];
      const led = convert();
      await until(() => expect(led.begun).toHaveLength(1));
      expect(await operations.cancel(waits)).toMatchObject({ status: "Canceled" });
      expect(await operations.cancel(runs)).toMatchObject({ status: "Running", isCancelRequested: true });
      await until(async () => expect(await stateOf(runs)).toMatchObject({ status: "Canceled" }));
      expect(led.begun[0]?.options.signal?.aborted).toBe(true);
      expect(await operations.cancel(runs)).toMatchObject({ status: "Canceled" });
      expect([led.begun.length, await queued()]).toEqual([1, []]);
    });

    it("calls one that was done before it could be ended done", async () => {
      const id = await request("a");
      const runs = convert({ leaseMs: 600_000 });
      await until(() => expect(runs.begun).toHaveLength(1));
      runs.begun[0]?.options.signal?.addEventListener("abort", () => runs.end(0, artifact), { capture: true });
      runs.end(0, artifact);
      await operations.cancel(id);
      await until(async () => expect(await stateOf(id)).toMatchObject({ status: "Succeeded" }));
    });

    it("converts nothing twice when many processes take from one queue", async () => {
      const ids: string[] = [];
      for (const text of ["a", "b", "c", "d"]) ids.push(await request(text));
      const all = [convert(), convert(), convert()];
      const finished = new Set<Operation>();
      const begun = (): Operation[] => all.flatMap((runs) => runs.begun.map(({ operation }) => operation));
      await until(() => {
        for (const runs of all) runs.begun.forEach((_, at) => void runs.end(at, artifact));
        for (const operation of begun()) finished.add(operation);
        expect(finished.size).toBe(ids.length);
      });
      await until(async () => expect(await queued()).toEqual([]));
      expect(
        begun()
          .map(({ id }) => id)
          .sort(),
      ).toEqual(ids);
    });

    it("takes up again what a process that died was at, and leaves what a living one is at", async () => {
      const [dead, alive] = [await request("a"), await request("b")];
      const known = await operations.get(dead);
      if (known === undefined) throw new Error("it was requested");
      await operations.change(known, { status: "Running", worker: "dead", attempts: 1 });
      const living = convert({ leaseMs: 300 });
      await until(() => expect(living.begun).toHaveLength(1));
      expect(living.begun[0]?.operation.id).toBe(alive);
      const next = convert({ leaseMs: 2_000 });
      await until(() => expect(next.begun.length).toBeGreaterThan(0));
      expect(next.begun[0]?.operation).toMatchObject({ id: dead, attempts: 2, deaths: 1 });
      next.end(0, artifact);
      living.end(0, artifact);
      for (const id of [dead, alive]) {
        await until(async () => expect(await stateOf(id)).toMatchObject({ status: "Succeeded" }));
      }
      expect([living.begun.length, next.begun.length]).toEqual([1, 1]);
    });

    it("gives one up that another process has taken, and writes nothing more of it", async () => {
      const id = await request("a");
      const runs = convert();
      await until(() => expect(runs.begun).toHaveLength(1));
      for (let isTaken = false; !isTaken; ) {
        const known = await operations.get(id);
        if (known === undefined) throw new Error("it was requested");
        isTaken = await operations.change(known, { worker: "other", attempts: 2 }).then(
          () => true,
          () => false,
        );
      }
      await until(() => expect(runs.begun[0]?.options.signal?.aborted).toBe(true));
      await Promise.all(running.splice(0).map((one) => one[Symbol.asyncDispose]()));
      expect(await stateOf(id)).toMatchObject({ status: "Running", worker: "other", attempts: 2 });
    });

    it("hands over what it is at when it stops, and counts that as no attempt", async () => {
      const id = await request("a");
      const runs = convert();
      await until(() => expect(runs.begun).toHaveLength(1));
      await Promise.all(running.splice(0).map((one) => one[Symbol.asyncDispose]()));
      expect(await stateOf(id)).toMatchObject({ status: "NotStarted", attempts: 0 });
      const next = convert();
      await until(() => expect(next.begun).toHaveLength(1));
    });

    it("counts the death of a process as no attempt, and what fails after it as the first", async () => {
      const id = await request("a");
      const known = await operations.get(id);
      if (known === undefined) throw new Error("it was requested");
      await operations.change(known, { status: "Running", worker: "dead", attempts: 5, deaths: 4 });
      const runs = convert({ leaseMs: 0, maxAttempts: 2 });
      for (const at of [0, 1]) {
        await until(() => expect(runs.begun.length).toBeGreaterThan(at));
        runs.end(at, failing("UNKNOWN_ERROR"));
      }
      const failed = { status: "Failed", attempts: 7, deaths: 5, error: { message: "it failed" } };
      await until(async () => expect(await stateOf(id)).toMatchObject(failed));
    });

    it("gives up an operation that process after process died over, and ends one that was to end", async () => {
      const [deadly, unwanted] = [await request("a"), await request("b")];
      for (const [id, changed] of [
        [deadly, { attempts: 20, deaths: 19 }],
        [unwanted, { attempts: 1, isCancelRequested: true }],
      ] as const) {
        const known = await operations.get(id);
        if (known !== undefined) await operations.change(known, { status: "Running", worker: "dead", ...changed });
      }
      const runs = convert({ leaseMs: 0 });
      await until(async () => expect(await queued()).toEqual([]));
      const error = { code: "UNKNOWN_ERROR", message: "its worker died 20 times over it" };
      expect(await stateOf(deadly)).toMatchObject({ status: "Failed", deaths: 20, error });
      expect(await stateOf(unwanted)).toMatchObject({ status: "Canceled" });
      expect(runs.begun).toEqual([]);
    });

    it("forgets what ended long ago or is too much, and never what goes on", async () => {
      const ids: string[] = [];
      for (const text of ["a", "b", "c", "d"]) ids.push(await request(text));
      for (const id of ids.slice(0, 3)) await operations.cancel(id);
      expect(await operations.forget(0, 2)).toBe(1);
      const left = async () => (await operations.list(() => true, { limit: 10 })).map(({ tag }) => tag);
      expect(await left()).toEqual(["d", "c", "b"]);
      expect(await operations.lastOf("app", sha256Of("a"))).toBeUndefined();
      expect(await operations.forget(Date.now() + 60_000, 100)).toBe(2);
      expect(await left()).toEqual(["d"]);
    });
  });
}
