import type { FastifyReply } from "fastify";
import type { Logger } from "pino";
import { FileSender } from "../kernel/file-sender.js";
import type { Answer, FileBody } from "./answer.js";
import { sendFile } from "./send-file.js";
import { sendPieces } from "./send-pieces.js";

const always = {
  // Some clients refuse a registry that does not call itself one.
  "docker-distribution-api-version": "registry/2.0",
  // What was pushed is no script and no style of the page beside it.
  "x-content-type-options": "nosniff",
};

/** @throws what reading the first piece fails with; later, with the head gone, only the log can say why, and the connection is cut */
export async function sendAnswer(reply: FastifyReply, answer: Answer, log: Logger): Promise<FastifyReply> {
  const { status, body, headers, file } = answer;
  if (typeof body === "function") {
    const head = { status, headers: { ...always, ...headers }, begin: () => reply.hijack() };
    const cutShort = (error: unknown) => log.error({ url: reply.request.url, err: error }, "answer cut short");
    const sender = file && (await senderFor(reply, file));
    if (file !== undefined && sender !== undefined) await sendFile(reply.raw, head, file, sender, cutShort);
    else await sendPieces(reply.raw, head, body, cutShort);
    return reply;
  }
  reply.code(status).headers({ ...always, ...headers });
  return reply.send(body instanceof Uint8Array ? asBuffer(body) : body);
}

/** Shorter ones come in a piece or two anyway. Bytes. */
const leastForKernel = 512 * 1024;

async function senderFor(reply: FastifyReply, { range }: FileBody): Promise<FileSender | undefined> {
  const isWorthIt = range.end - range.start >= leastForKernel && FileSender.takes(reply.request.raw.socket);
  return isWorthIt ? await FileSender.load() : undefined;
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
