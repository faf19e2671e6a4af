import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultTimeouts } from "./config.js";
import type { HttpRequest } from "./http-request.js";
import { HttpTransport } from "./transport.js";

let asked = 0;
const server = createServer((_request, response) => {
  asked++;
  response.end("{}");
});
let request: HttpRequest;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's
  request = { method: "GET", kind: "manifest", url: new URL(`http://127.0.0.1:${port}/v2/`), headers: {} };
});
afterAll(() => server.close());

const closed = { code: "UNREACHABLE", retryable: false, message: expect.stringContaining("the client was closed") };

describe("a transport", () => {
  it("shares its connections between requests that are sent at once, the first ones too", async () => {
    const transport = new HttpTransport({ timeouts: defaultTimeouts });
    const responses = await Promise.all([transport.send(request), transport.send(request)]);
    expect(responses.map(({ status }) => status)).toEqual([200, 200]);
    await Promise.all(responses.map(({ body }) => body.discard()));
    await transport.close();
    await expect(transport.send(request)).rejects.toMatchObject(closed);
  });

  it("asks nothing once it is closed, though it was never used before", async () => {
    const transport = new HttpTransport({ timeouts: defaultTimeouts });
    await transport.close();
    const before = asked;
    await expect(transport.send(request)).rejects.toMatchObject(closed);
    expect(asked).toBe(before);
  });
});
