import type { AbortOptions } from "@sluice/oci";
import { type DaemonClient, type RunRequest, runImage } from "@sluice/snapshotter/client";
import { NotReadyError, type ReadyCondition, ReadyWatch } from "../bench/ready.js";

/** A start that is watched. */
export interface RecordedStart extends AbortOptions {
  readonly image: RunRequest["image"];
  readonly command: readonly string[];
  readonly ready: ReadyCondition;
  readonly timeoutMs: number;
  /** Data root of the daemon. */
  readonly root: string;
}

/** How a watched start went on: what its condition waited for came, or the process ended by itself, or the time was up. */
type Outcome = "ready" | "ended" | "timeout";

/**
 * Starts the image on a lazy mount that notes what is read, and ends it when it is ready. Without a condition a start is watched until the process ends, or for as long as
 * it may take: a server says nothing of when it is done.
 *
 * @returns the document of the recording
 * @throws {NotReadyError} when the process ended badly, or its condition did not come in time
 */
export async function recordStart(client: DaemonClient, start: RecordedStart): Promise<Uint8Array> {
  const stop = new AbortController();
  const signal = start.signal ? AbortSignal.any([start.signal, stop.signal]) : stop.signal;
  const watch = new ReadyWatch(start.ready, signal);
  let id: string | undefined;
  let atEnd: Uint8Array | undefined;
  const request: RunRequest = {
    image: start.image,
    driver: "erofs",
    net: "host",
    process: { command: start.command, env: [] },
    volumes: [],
    record: true,
  };
  const running = runImage(request, {
    root: start.root,
    client,
    signal,
    onOutput: (_stream, bytes) => watch.output(bytes),
    onPrepared: (container) => {
      id = container.id;
    },
    onEnded: async (container) => {
      if (!signal.aborted) atEnd = await client.recording(container.id, { signal });
    },
  });
  const ended = running.then((status): Outcome => {
    if (!watch.ended(status))
      throw new NotReadyError(`the container ended with ${status} before it was ready: ${watch.tail}`);
    return "ended";
  });
  try {
    const outcome = await Promise.race([watch.ready.then((): Outcome => "ready"), ended, timeUp(start, signal)]);
    if (outcome === "timeout" && start.ready.kind !== "exit") {
      const last = watch.tail || "none";
      throw new NotReadyError(`not ready after ${start.timeoutMs / 1000} s; its last output: ${last}`);
    }
    if (start.ready.kind === "exit" && outcome !== "timeout") await ended;
    if (atEnd !== undefined) return atEnd;
    if (id === undefined) throw new NotReadyError(`no container after ${start.timeoutMs / 1000} s`);
    return await client.recording(id, { signal });
  } finally {
    stop.abort();
    await ended.catch(() => undefined); // told by the race, or ended by the line above
  }
}

function timeUp({ timeoutMs }: RecordedStart, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve("timeout"), timeoutMs);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}
