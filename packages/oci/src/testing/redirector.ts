import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A server on this machine that sends everybody elsewhere. */
export interface Redirector extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly requests: number;
}

/** @param target an absolute URL */
export async function startRedirector(target: string): Promise<Redirector> {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests++;
    response.writeHead(307, { location: target }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // listens on TCP
  return {
    host: `127.0.0.1:${port}`,
    get requests() {
      return requests;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
