import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Fault, faultOf } from "./faults.js";

/** What a route answers, before faults get at it. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}

export interface SendOptions {
  readonly faults: readonly Fault[];
  readonly bytesPerSecond?: number | undefined;
  /** Fires when the registry closes. */
  readonly signal: AbortSignal;
  readonly onSent: (bytes: number) => void;
}

const pieceBytes = 64 * 1024;

/** An error body as the specification wants it. */
export const errorReply = (
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Reply => jsonReply(status, { errors: [{ code, message }] }, headers);

export const jsonReply = (status: number, body: unknown, headers: Record<string, string> = {}): Reply => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: Buffer.from(JSON.stringify(body)),
});

export const htmlReply: Reply = {
  status: 200,
  headers: { "content-type": "text/html" },
  body: Buffer.from("<!doctype html><title>Log in</title><p>Not a registry."),
};

/** The part of a body that a `Range` asks for: 206, 416, or 200 without one. */
export function rangedReply(request: IncomingMessage, body: Uint8Array, headers: Record<string, string>): Reply {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (range === null) return { status: 200, headers, body };
  const start = Number(range[1]);
  const end = Math.min(body.byteLength, range[2] === "" ? body.byteLength : Number(range[2]) + 1);
  if (start >= end) return errorReply(416, "RANGE_INVALID", "no such bytes");
  const contentRange = `bytes ${start}-${end - 1}/${body.byteLength}`;
  return { status: 206, headers: { ...headers, "content-range": contentRange }, body: body.subarray(start, end) };
}

/** Sends a reply, spoiled by the faults it got. Resolves when it is sent, cut, or nobody reads it any more. */
export async function sendReply(
  request: IncomingMessage,
  response: ServerResponse,
  original: Reply,
  options: SendOptions,
): Promise<void> {
  const { faults } = options;
  const delay = faultOf(faults, "delay");
  if (delay) await sleep(delay.delayMs, undefined, { signal: options.signal });
  const reset = faultOf(faults, "reset");
  const stall = faultOf(faults, "stall");
  if (reset && reset.afterBytes === undefined) return cut(request);
  if (stall && stall.afterBytes === undefined) return; // `close` ends it
  const reply = spoilReply(original, faults);
  const body = spoilBody(reply.body ?? new Uint8Array(), faults);
  const short = faultOf(faults, "short-body");
  response.writeHead(reply.status, {
    ...reply.headers,
    ...(!short && reply.body && { "content-length": String(reply.body.byteLength) }),
  });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  const stopAt = Math.min(reset?.afterBytes ?? body.byteLength, stall?.afterBytes ?? body.byteLength);
  const rate = faultOf(faults, "slow")?.bytesPerSecond ?? options.bytesPerSecond;
  const open = await writeBody(response, body.subarray(0, stopAt), rate, options);
  if (!open || stall !== undefined) return;
  if (reset !== undefined) return cut(request);
  response.end();
}

function cut(request: IncomingMessage): void {
  request.socket.resetAndDestroy();
}

function spoilReply(reply: Reply, faults: readonly Fault[]): Reply {
  const status = faultOf(faults, "status");
  if (status !== undefined) {
    const headers = status.retryAfter === undefined ? {} : { "retry-after": String(status.retryAfter) };
    return errorReply(status.status, status.errorCode ?? "UNKNOWN", "a fault on demand", {
      ...reply.headers,
      ...headers,
    });
  }
  if (faultOf(faults, "html") !== undefined) return htmlReply;
  const { "docker-content-digest": digest, ...headers } = reply.headers ?? {};
  const keep = digest !== undefined && faultOf(faults, "no-digest-header") === undefined;
  return { ...reply, headers: keep ? { ...headers, "docker-content-digest": digest } : headers };
}

function spoilBody(body: Uint8Array, faults: readonly Fault[]): Uint8Array {
  const missingBytes = faultOf(faults, "short-body")?.missingBytes ?? 0;
  const kept = body.subarray(0, Math.max(0, body.byteLength - missingBytes));
  if (faultOf(faults, "wrong-bytes") === undefined || kept.byteLength === 0) return kept;
  const spoiled = Uint8Array.from(kept);
  const middle = spoiled.byteLength >>> 1;
  spoiled[middle] = (spoiled[middle] ?? 0) ^ 0xff;
  return spoiled;
}

/** @returns whether the connection is still open */
async function writeBody(
  response: ServerResponse,
  body: Uint8Array,
  bytesPerSecond: number | undefined,
  options: SendOptions,
): Promise<boolean> {
  const step = bytesPerSecond === undefined ? pieceBytes : Math.max(1, Math.min(pieceBytes, bytesPerSecond / 50));
  for (let at = 0; at < body.byteLength; ) {
    if (response.destroyed) return false;
    const piece = body.subarray(at, at + Math.ceil(step));
    at += piece.byteLength;
    options.onSent(piece.byteLength);
    const drained = response.write(piece);
    if (bytesPerSecond !== undefined) {
      await sleep((piece.byteLength / bytesPerSecond) * 1000, undefined, { signal: options.signal });
    } else if (!drained) await drainOrClose(response);
  }
  return !response.destroyed;
}

function drainOrClose(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
    if (response.destroyed) done();
  });
}
