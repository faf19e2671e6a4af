import { once } from "node:events";
import { setPriority } from "node:os";
import { convertImage } from "@sluice/converter";
import { addressRule, anonymous, fixedCredentials, RegistryClient } from "@sluice/oci";
import { failureOf } from "./conversion-failure.js";
import type { ConversionJob, ConversionMessage } from "./conversion-messages.js";

/** Who started us serves pulls, which go first. */
const niceness = 10;
/** Giving back an open upload is worth a moment. Milliseconds. */
const graceMs = 5_000;

// The program of a converting process, which `process-runner.ts` starts: one job comes in over the IPC channel, messages go out. SIGTERM and the end of the channel abort the job.
const stop = new AbortController();
const end = (): void => {
  stop.abort(new Error("the conversion is ended"));
  setTimeout(() => process.exit(1), graceMs).unref();
};
let toldPercent = 0;
process.once("SIGTERM", end);
process.once("disconnect", end);
// Ctrl-C in a terminal goes to the whole group: who started us decides what becomes of us.
process.on("SIGINT", () => undefined);
setPriority(niceness);

const [job] = (await once(process, "message")) as [ConversionJob]; // sent by process-runner.ts
await send(await outcome(job));
process.disconnect();

async function outcome({ host, repository, allowPrivate, ...job }: ConversionJob): Promise<ConversionMessage> {
  await using client = new RegistryClient({
    credentials: job.credentials === undefined ? anonymous : fixedCredentials(job.credentials, host),
    plainHttp: job.plainHttp,
    ...(allowPrivate !== undefined && { addresses: addressRule({ allowPrivate }) }),
  });
  const place = { repository: client.repository(host, repository), target: job.digest };
  try {
    const { artifact } = await convertImage(
      { ...place, reference: `${repository}@${job.digest}` },
      {
        root: job.folder,
        force: job.isForced,
        threads: job.threads,
        signal: stop.signal,
        onProgress: ({ fraction }) => tell(fraction),
      },
    );
    return { kind: "done", artifact: artifact.digest };
  } catch (error) {
    return { kind: "failed", failure: await failureOf(error) };
  }
}

function tell(fraction: number): void {
  const percent = Math.floor(fraction * 100);
  if (percent <= toldPercent) return;
  toldPercent = percent;
  void send({ kind: "progress", fraction });
}

/** Resolves when it is sent, or nobody listens any more. */
function send(message: ConversionMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) return resolve();
    process.send?.(message, () => resolve());
  });
}
