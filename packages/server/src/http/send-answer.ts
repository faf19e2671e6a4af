import type { FastifyReply } from "fastify";
import type { Logger } from "pino";
import type { Answer } from "./answer.js";
import { sendPieces } from "./send-pieces.js";

const always = {
  // Some clients refuse a registry that does not call itself one.
  "docker-distribution-api-version": "registry/2.0",
  // What was pushed is no script and no style of the page beside it.
  "x-content-type-options": "nosniff",
};

/** @throws what reading the first piece fails with; later, with the head gone, only the log can say why, and the connection is cut */
export async function sendAnswer(reply: FastifyReply, answer: Answer, log: Logger): Promise<FastifyReply> {
  const { status, body, headers } = answer;
  if (typeof body === "function") {
    await sendPieces(
      reply.raw,
      { status, headers: { ...always, ...headers }, begin: () => reply.hijack() },
      body,
      (error) => log.error({ url: reply.request.url, err: error }, "answer cut short"),
    );
    return reply;
  }
  reply.code(status).headers({ ...always, ...headers });
  return reply.send(body instanceof Uint8Array ? asBuffer(body) : body);
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
