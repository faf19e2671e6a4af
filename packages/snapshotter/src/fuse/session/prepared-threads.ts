import { Worker } from "node:worker_threads";

/** A worker gives back what it has in hand for the next requests only if its heaps stay small: one request needs almost none. */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 } as const;

const prepared: Worker[] = [];

/**
 * Starts threads that load what a worker of a session needs and then wait for {@link takeThread}, without keeping the process alive: what takes over loads its own
 * modules meanwhile. Nothing depends on them.
 */
export function prepareThreads(count: number): void {
  for (let i = 0; i < count; i++) {
    const thread = startThread();
    thread.unref();
    thread.on("error", () => undefined); // the one that is started instead says why
    thread.once("exit", () => forget(thread));
    prepared.push(thread);
  }
}

/** A thread of `worker.ts` that waits for its start: a prepared one, or a new one. */
export function takeThread(): Worker {
  const thread = prepared.shift() ?? startThread();
  thread.removeAllListeners();
  thread.ref();
  return thread;
}

function forget(thread: Worker): void {
  const at = prepared.indexOf(thread);
  if (at >= 0) prepared.splice(at, 1);
}

function startThread(): Worker {
  // Flags of the process, such as --input-type, are not meant for this file.
  return new Worker(new URL("../worker.js", import.meta.url), { resourceLimits, execArgv: [] });
}
