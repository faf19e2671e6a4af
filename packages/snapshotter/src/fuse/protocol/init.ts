import {
  initFlags,
  initFlags2,
  maxReadBytes,
  oldestMinor,
  opcode,
  outHeaderBytes,
  protocolMajor,
  protocolMinor,
  requestBufferBytes,
} from "./constants.js";
import { replyHeader } from "./reply.js";
import type { RequestView } from "./request.js";

/** What the kernel and this server agreed on when the connection began. Plain data: whoever takes the connection over needs it. */
export interface InitParameters {
  readonly minor: number;
  readonly maxReadAheadBytes: number;
  readonly maxReadBytes: number;
  readonly flags: number;
  readonly flags2: number;
}

/** Whether a server that takes over may ask for the requests in flight again (Linux ≥ 6.9). */
export const canResend = (init: InitParameters): boolean => (init.flags2 & initFlags2.hasResend) !== 0;

/** The kernel speaks no FUSE that this server understands. */
export class FuseProtocolError extends Error {
  override readonly name = "FuseProtocolError";
  readonly code = "FUSE_PROTOCOL";
}

/**
 * Requests that the kernel may have in flight without a reader waiting (read-ahead), for all disks together. The default of 12 would let a dozen misses on a
 * slow network stop the read-ahead of everybody's hits; each one that waits takes up to {@link maxReadBytes} here.
 */
const maxBackground = 256;
/** Read-ahead in flight above which the kernel calls the device congested. */
const congestionThreshold = 192;

const wantedFlags =
  initFlags.asyncRead | initFlags.parallelDirops | initFlags.maxPages | initFlags.explicitInvalData | initFlags.initExt;

/** What is asked of the kernel. */
export interface InitWishes {
  readonly readAheadBytes: number;
  /** Lets a loop device over a disk have many reads under way (kernel/loop.ts). Direct reads of others then end with their answer only, not with a signal. */
  readonly asyncDirectReads?: boolean | undefined;
}

/**
 * Answers INIT.
 *
 * @throws {FuseProtocolError} if this is no INIT, or one of a protocol that is too old
 */
export function negotiate(request: RequestView, wishes: InitWishes): { init: InitParameters; reply: Uint8Array } {
  if (request.opcode !== opcode.init) {
    throw new FuseProtocolError(
      `/dev/fuse: the first request is ${request.opcode}, not INIT; is the descriptor in use already?`,
    );
  }
  const [major, minor] = [request.initWord(0), request.initWord(1)];
  if (major !== protocolMajor || minor < oldestMinor) {
    throw new FuseProtocolError(
      `/dev/fuse: the kernel speaks FUSE ${major}.${minor}, needed is 7.${oldestMinor} (Linux 4.20)`,
    );
  }
  const init: InitParameters = {
    minor: Math.min(minor, protocolMinor),
    maxReadAheadBytes: Math.min(request.initWord(2), wishes.readAheadBytes),
    maxReadBytes,
    flags: request.initWord(3) & (wishes.asyncDirectReads === true ? wantedFlags | initFlags.asyncDio : wantedFlags),
    flags2: request.initWord(4) & initFlags2.hasResend,
  };
  return { init, reply: initReply(request, init) };
}

/** struct fuse_init_out: 64 bytes. max_write is as small as the kernel allows, which keeps request buffers small. */
function initReply(request: RequestView, init: InitParameters): Uint8Array {
  const bodyBytes = 64;
  const reply = new Uint8Array(outHeaderBytes + bodyBytes);
  reply.set(replyHeader(request.uniqueLow, request.uniqueHigh, 0, bodyBytes));
  const body = new DataView(reply.buffer, outHeaderBytes);
  body.setUint32(0, protocolMajor, true);
  body.setUint32(4, init.minor, true);
  body.setUint32(8, init.maxReadAheadBytes, true);
  body.setUint32(12, init.flags, true);
  body.setUint16(16, maxBackground, true);
  body.setUint16(18, congestionThreshold, true);
  body.setUint32(20, requestBufferBytes / 2, true);
  body.setUint32(24, 1, true); // nanoseconds: the granularity of times
  body.setUint16(28, maxReadBytes / 4096, true);
  body.setUint32(32, init.flags2, true);
  return reply;
}
