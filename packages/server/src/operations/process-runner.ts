import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import type { Digest } from "@sluice/oci";
import type { LentAccess } from "../access/lent-access.js";
import type { RepositoryName } from "../registry/repository-name.js";
import type { Uploads } from "../uploads/uploads.js";
import type { UpstreamPlace } from "../upstream/upstream.js";
import type { Upstreams } from "../upstream/upstreams.js";
import { ConversionFailedError } from "./conversion-failure.js";
import type { ConversionJob, ConversionMessage, ConversionPlace } from "./conversion-messages.js";
import type { ConversionRunner, RunOptions } from "./conversion-runner.js";
import type { Operation } from "./operation.js";

export interface ProcessRunnerOptions {
  /** `HOST:PORT` of the registry's own door for its conversions. */
  readonly host: string;
  /** Absolute path; for temporary files and the cache of converted layers. */
  readonly folder: string;
  /** Conversions at once; they share the processors. */
  readonly concurrency: number;
  readonly access: LentAccess;
  readonly upstreams: Upstreams;
  /** Whether conversions of other registries' images may reach private addresses. */
  readonly allowPrivate: boolean;
  readonly uploads: Uploads;
}

/** A process that has been asked to end is killed after so long. Milliseconds. */
const killAfterMs = 10_000;
/** Of what a process says on stderr, for the error when it dies. Bytes. */
const maxStderrBytes = 4_000;

/**
 * Converts in a process of its own: what a hostile image may do to it (memory, crashes) ends with it, and a registry that serves is not slowed down by its garbage.
 * It gets a password that opens one repository until it ends.
 */
export class ProcessRunner implements ConversionRunner {
  readonly #options: ProcessRunnerOptions;
  readonly #script: URL;

  /** @param script `conversion-process.js`; another one in tests */
  constructor(options: ProcessRunnerOptions, script: URL = new URL("./conversion-process.js", import.meta.url)) {
    this.#options = options;
    this.#script = script;
  }

  async run(operation: Operation, options: RunOptions): Promise<Digest> {
    options.signal?.throwIfAborted();
    const upstream = this.#options.upstreams.placeOf(operation.repository);
    return await (upstream === undefined
      ? this.#runHere(operation, options)
      : this.#runThere(upstream, operation, options));
  }

  async #runHere(operation: Operation, options: RunOptions): Promise<Digest> {
    const { access, uploads, host } = this.#options;
    const caller = `conversion-${operation.id}`;
    const repository = operation.repository as RepositoryName; // of an image that was found there
    using lent = access.lend(caller, [
      { repository, actions: ["content/read", "content/write", "metadata/read", "metadata/write"] },
    ]);
    const credentials = { kind: "password", username: caller, password: lent.password } as const;
    const place = { host, repository, credentials, plainHttp: true, allowPrivate: undefined };
    try {
      return await this.#convert(place, operation, options);
    } finally {
      await uploads.cancelOf(caller);
    }
  }

  /** The process gives back its uploads itself: nobody else may know them. */
  async #runThere(found: UpstreamPlace, operation: Operation, options: RunOptions): Promise<Digest> {
    const { allowPrivate, upstreams } = this.#options;
    const { repository, upstream } = found;
    const credentials = await upstreams.credentialsOf(found);
    const place = { host: upstream.host, repository, credentials, plainHttp: upstream.plainHttp, allowPrivate };
    return await this.#convert(place, operation, options);
  }

  async #convert(
    place: ConversionPlace,
    { digest, isForced }: Operation,
    { onProgress, signal }: RunOptions,
  ): Promise<Digest> {
    const { concurrency, folder } = this.#options;
    const threads = Math.max(1, Math.floor(availableParallelism() / concurrency));
    const job: ConversionJob = { ...place, folder, digest, isForced, threads };
    const child = fork(this.#script, {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      execArgv: [],
      env: bareEnvironment(),
    });
    let last: ConversionMessage | undefined;
    child.on("message", (message: ConversionMessage) => {
      if (message.kind === "progress") onProgress(message.fraction);
      else last = message;
    });
    const stderr = tailOf(child);
    using _ending = endedWith(child, signal);
    child.send(job, () => undefined); // a process that is gone already says so by its exit
    const [code, killedBy] = await once(child, "close");
    if (last?.kind === "done") return last.artifact;
    if (last?.kind === "failed") throw new ConversionFailedError(last.failure);
    const how = killedBy === null ? `ended with ${code}` : `was killed by ${killedBy}`;
    const message = `the converting process ${how}; ${stderr()}`.replace(/; $/, "");
    throw new ConversionFailedError({ code: "UNKNOWN_ERROR", message, isPassing: true });
  }
}

/** The environment of a registry may hold the keys to its storage, which a converting process has no use for. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const wanted = ["PATH", "TMPDIR", "LANG", "TZ"];
  return Object.fromEntries(
    wanted.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** Until it is disposed, an abort ends the process: first by asking, then by force. */
function endedWith(child: ChildProcess, signal: AbortSignal | undefined): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    child.kill("SIGTERM");
    timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  };
  if (signal?.aborted) end();
  else signal?.addEventListener("abort", end, { once: true });
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
    },
  };
}

/** What the process said last on stderr. */
function tailOf({ stderr }: ChildProcess): () => string {
  let tail = "";
  stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-maxStderrBytes);
  });
  return () => tail.trim();
}
