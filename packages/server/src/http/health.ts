import { sha256Of } from "@sluice/oci";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { RegistryPlaces } from "./places.js";

/** What a probe of Kubernetes waits for at most when nobody sets it is 1 s; a store that needs longer serves nobody well. Milliseconds. */
const patienceMs = 900;
/** Any number of probes cost the stores no more than one look in this time. Milliseconds. */
const freshMs = 1000;
/** Of nothing: whether it is stored or not, the store must look. */
const nothing = sha256Of("");

type Stores = Pick<RegistryPlaces, "metadata" | "blobs">;

/** `stores` maps each one to "ok" or "unreachable". */
interface Readiness {
  readonly ready: boolean;
  readonly stores: Readonly<Record<string, "ok" | "unreachable">>;
}

/**
 * `/healthz` answers as long as the process does: restart it when it does not. `/readyz` answers 200 while the stores can be read and 503 while they
 * cannot, or the registry stops: send it no requests meanwhile. Anybody may ask; neither says more than that.
 */
export function addHealth(app: FastifyInstance, places: Stores, log: Logger): { stopping(): void } {
  let isStopping = false;
  let looked = { atMs: Number.NEGATIVE_INFINITY, readiness: Promise.resolve<Readiness>({ ready: false, stores: {} }) };
  app.get("/healthz", async (_request, reply) => await reply.send({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    if (performance.now() - looked.atMs > freshMs) looked = { atMs: performance.now(), readiness: look(places, log) };
    const { ready, stores } = await looked.readiness;
    const isReady = ready && !isStopping;
    return await reply
      .code(isReady ? 200 : 503)
      .header("cache-control", "no-store")
      .send({ status: isStopping ? "stopping" : isReady ? "ready" : "not ready", stores });
  });
  return {
    stopping: () => {
      isStopping = true;
    },
  };
}

async function look({ metadata, blobs }: Stores, log: Logger): Promise<Readiness> {
  const signal = AbortSignal.timeout(patienceMs);
  const asked = {
    metadata: metadata.repositories({ limit: 1 }, { signal }),
    blobs: blobs.has(nothing, { signal }),
  };
  const stores: Record<string, "ok" | "unreachable"> = {};
  for (const [name, answer] of Object.entries(asked)) {
    stores[name] = await inTime(answer, signal).then(
      () => "ok" as const,
      (error: unknown) => {
        log.warn({ err: error, store: name }, "not ready: a store does not answer");
        return "unreachable" as const;
      },
    );
  }
  return { ready: Object.values(stores).every((state) => state === "ok"), stores };
}

/** Also where the store does not look at the signal. */
async function inTime(answer: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const late = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  answer.catch(() => undefined); // one that fails after its time is nobody's unhandled rejection
  await Promise.race([answer, late]);
}
