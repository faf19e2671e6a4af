import { describe, expect, it } from "vitest";
import { initFlags, initFlags2, maxReadBytes, opcode } from "./constants.js";
import { canResend, FuseProtocolError, negotiate } from "./init.js";
import { invalEntry } from "./notify.js";
import { emptyReply, ReplyBuffer, replyBufferBytes } from "./reply.js";
import { RequestView } from "./request.js";

/** A request as the kernel lays it out: header words, then a body. */
function request(words: Readonly<Record<number, number>>, body: Uint8Array = new Uint8Array()): RequestView {
  const view = new RequestView();
  const header = new Uint32Array(view.bytes.buffer, 0, 10);
  header[0] = 40 + body.byteLength;
  for (const [index, value] of Object.entries(words)) header[Number(index)] = value;
  view.bytes.set(body, 40);
  return view;
}

const bodyOf = (...words: number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
const init = (major: number, minor: number, flags: number, flags2: number): RequestView =>
  request({ 1: opcode.init, 2: 2 }, bodyOf(major, minor, 131_072, flags, flags2));

describe("RequestView", () => {
  it("reads offsets of a READ beyond 4 GiB", () => {
    const read = request({ 1: opcode.read, 4: 17 }, bodyOf(0, 0, 4096, 3, 65_536));
    expect([read.opcode, read.inode, read.readOffset, read.readSize]).toEqual([15, 17, 3 * 2 ** 32 + 4096, 65_536]);
  });

  it("takes an inode that does not fit 32 bits for none", () => {
    expect(request({ 4: 17, 5: 1 }).inode).toBe(0);
  });

  it("reads a name as bytes, without its NUL", () => {
    expect(request({}, Buffer.from("disk-1\0")).name).toBe("disk-1");
    expect(request({}, Buffer.from([0xff, 0x41, 0])).name).toBe("\u00ffA");
  });
});

describe("INIT", () => {
  it("asks for what this server uses and the kernel has, and nothing else", () => {
    const { init: agreed, reply } = negotiate(init(7, 45, 0xffff_ffff, 0xffff_ffff), { readAheadBytes: 2 ** 20 });
    expect(agreed).toMatchObject({ minor: 40, maxReadAheadBytes: 131_072, maxReadBytes, flags2: initFlags2.hasResend });
    expect(agreed.flags & initFlags.asyncRead).toBe(initFlags.asyncRead);
    expect(agreed.flags & 0x1000).toBe(0); // FUSE_AUTO_INVAL_DATA would drop the page cache
    expect(canResend(agreed)).toBe(true);
    const view = new DataView(reply.buffer);
    expect([view.getUint32(0, true), view.getInt32(4, true), view.getUint32(8, true)]).toEqual([80, 0, 2]);
    expect(view.getUint16(16 + 28, true)).toBe(256);
  });

  it("has many direct reads under way only when asked to, because they cannot be interrupted", () => {
    const flagsOf = (asyncDirectReads: boolean): number =>
      negotiate(init(7, 45, 0xffff_ffff, 0), { readAheadBytes: 4096, asyncDirectReads }).init.flags &
      initFlags.asyncDio;
    expect([flagsOf(true), flagsOf(false)]).toEqual([initFlags.asyncDio, 0]);
  });

  it("does without resending where the kernel cannot", () => {
    expect(canResend(negotiate(init(7, 38, 1, 0), { readAheadBytes: 4096 }).init)).toBe(false);
  });

  it.each([
    ["an old kernel", init(7, 27, 0, 0)],
    ["another protocol", init(8, 0, 0, 0)],
    ["a connection in use", request({ 1: opcode.read })],
  ])("refuses %s", (_, view) => {
    expect(() => negotiate(view, { readAheadBytes: 4096 })).toThrow(FuseProtocolError);
  });
});

describe("ReplyBuffer", () => {
  const headerOf = (reply: ReplyBuffer): number[] => [...new Int32Array(reply.bytes.buffer, 0, 4)];

  it("seals answers and errors with the request's name", () => {
    const reply = new ReplyBuffer();
    reply.finish(7, 9, 4096);
    expect(headerOf(reply)).toEqual([4112, 0, 7, 9]);
    reply.fail(7, 9, 5);
    expect(headerOf(reply)).toEqual([16, -5, 7, 9]);
    expect([...new Int32Array(emptyReply(7, 9, 5).buffer)]).toEqual([16, -5, 7, 9]);
  });

  it("tells sizes beyond 4 GiB, and nothing of the answer before", () => {
    const reply = new ReplyBuffer();
    reply.bytes.fill(0xff);
    expect(reply.entry({ inode: 17, sizeBytes: 5 * 2 ** 32 + 4096, mode: 0o100400 })).toBe(128);
    const view = new DataView(reply.bytes.buffer, 16);
    expect([view.getBigUint64(0, true), view.getBigUint64(8, true)]).toEqual([17n, 0n]);
    expect([view.getBigUint64(40, true), view.getBigUint64(48, true)]).toEqual([17n, 5n * 2n ** 32n + 4096n]);
    expect([view.getUint32(40 + 60, true), view.getUint32(40 + 64, true)]).toEqual([0o100400, 1]);
    expect(reply.attributes({ inode: 17, sizeBytes: 8192, mode: 0o100400 })).toBe(104);
    expect(view.getBigUint64(16 + 8, true)).toBe(8192n);
  });

  it("packs directory entries on 8 bytes and leaves out what does not fit", () => {
    const reply = new ReplyBuffer();
    const one = reply.dirent(0, 100, 16, 16, 8, "nine-char");
    expect(one).toBe(24 + 16);
    expect(reply.dirent(one, 64, 17, 17, 8, "b")).toBe(one);
    expect(reply.dirent(one, 72, 17, 17, 8, "b")).toBe(one + 32);
    expect(Buffer.from(reply.bytes.subarray(16 + 24, 16 + 33)).toString()).toBe("nine-char");
  });

  it("writes only to the bytes that it is given, wherever they lie in their buffer", () => {
    const room = new Uint8Array(replyBufferBytes + 64).fill(0xee);
    const reply = new ReplyBuffer(room.subarray(32, 32 + replyBufferBytes));
    reply.finish(7, 9, reply.dirent(0, 100, 16, 16, 8, "nine-char"));
    expect([...new Int32Array(room.buffer, 32, 4)]).toEqual([56, 0, 7, 9]);
    expect(Buffer.from(room.subarray(32 + 40, 32 + 49)).toString()).toBe("nine-char");
    expect([room[31], room[32 + 56]]).toEqual([0xee, 0xee]);
  });
});

describe("a notification about a name", () => {
  it("has no request, a code, the root and the name with a NUL", () => {
    const message = Buffer.from(invalEntry("disk"));
    expect([message.readUInt32LE(0), message.readInt32LE(4), message.readBigUInt64LE(8)]).toEqual([37, 3, 0n]);
    expect([message.readBigUInt64LE(16), message.readUInt32LE(24)]).toEqual([1n, 4]);
    expect(message.toString("latin1", 32)).toBe("disk\0");
  });
});
