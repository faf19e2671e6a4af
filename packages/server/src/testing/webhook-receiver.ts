import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that a receiver got. */
export interface ReceivedNotice {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Parsed. */
  readonly payload: { readonly id: string; readonly action: string; readonly [name: string]: unknown };
}

/** A receiver of webhooks on this machine. */
export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string;
  readonly received: ReceivedNotice[];
  /** What it answers from now on. */
  status: number;
  /** Resolves when so many have come. */
  waitFor(count: number): Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: ReceivedNotice[] = [];
  let onReceived: () => void = () => undefined;
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const body = Buffer.concat(pieces).toString();
      received.push({ headers: request.headers, body, payload: JSON.parse(body) as ReceivedNotice["payload"] });
      response.writeHead(receiver.status, { location: "http://169.254.169.254/" }).end();
      onReceived();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // listens on TCP
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${port}/hook?code=hidden`,
    received,
    status: 200,
    waitFor: async (count) => {
      while (received.length < count) {
        await new Promise<void>((resolve) => {
          onReceived = resolve;
        });
      }
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}
