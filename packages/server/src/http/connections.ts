import { readFile } from "node:fs/promises";
import type { IncomingMessage, Server } from "node:http";
import type { Logger } from "pino";

/** What clients may make a registry hold open. */
export interface ConnectionLimits {
  /** More are closed unheard. */
  readonly maxConnections: number;
  /** For the head of a request, from the connection or the answer before on. Milliseconds. */
  readonly headMs: number;
  /** A body brings `minBodyBytes` in each span of this length, for as long as it lasts. Milliseconds. */
  readonly bodySpanMs: number;
  readonly minBodyBytes: number;
}

/** A body may take as long as it takes while it comes at half a KiB a second: far below any link that images are pushed over. */
const defaultLimits: ConnectionLimits = {
  maxConnections: 10_000, // some 20 KB each
  headMs: 60_000,
  bodySpanMs: 120_000,
  minBodyBytes: 60 * 1024,
};

/** Of the descriptors of a process; blobs, uploads and the database need the others. */
const shareOfDescriptors = 0.5;
const refusalLogMs = 60_000;

/** The defaults that this process can keep, but for what is given. */
export async function connectionLimits(given: Partial<ConnectionLimits> = {}): Promise<ConnectionLimits> {
  const descriptors = Math.floor((await maxDescriptors()) * shareOfDescriptors);
  return { ...defaultLimits, maxConnections: Math.min(defaultLimits.maxConnections, descriptors), ...given };
}

/** How often Node looks for heads that take too long. Milliseconds. */
export const checkIntervalMs = ({ headMs }: ConnectionLimits): number => Math.min(headMs / 4, 10_000);

/** Closes connections beyond the limit, and says so now and then. */
export function boundConnections(server: Server, { maxConnections }: ConnectionLimits, log: Logger): void {
  server.maxConnections = maxConnections;
  let [refused, toldAtMs] = [0, Number.NEGATIVE_INFINITY];
  server.on("drop", () => {
    refused++;
    if (performance.now() - toldAtMs < refusalLogMs) return;
    toldAtMs = performance.now();
    log.warn({ maxConnections, refused }, "too many connections: new ones are closed until others end");
  });
}

/** Cuts the connection of a request whose body comes too slowly. While what came waits to be read here, its client is not to blame. */
export function watchBody(request: IncomingMessage, { bodySpanMs, minBodyBytes }: ConnectionLimits): void {
  if (!hasBody(request)) return;
  const { socket } = request;
  let readBytes = socket.bytesRead;
  const timer = setInterval(() => {
    if (request.complete) return clearInterval(timer);
    const cameBytes = socket.bytesRead - readBytes;
    readBytes = socket.bytesRead;
    if (cameBytes >= minBodyBytes || request.readableLength > 0) return;
    request.destroy(
      new Error(`${cameBytes} bytes of the body came in ${bodySpanMs / 1000} s; ${minBodyBytes} are wanted`),
    );
  }, bodySpanMs);
  timer.unref();
  request.once("close", () => clearInterval(timer));
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

async function maxDescriptors(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8");
  const [, soft = ""] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
  return soft === "" ? Number.POSITIVE_INFINITY : Number(soft);
}
