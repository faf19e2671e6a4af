import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Authenticator } from "./authenticator.js";
import { defaultTimeouts } from "./config.js";
import { fixedCredentials } from "./credentials.js";
import { fetchToken } from "./token.js";
import { HttpTransport } from "./transport.js";

const ann = { kind: "password", username: "ann", password: "p:w" } as const;
const scopes = ["repository:app:pull"];
const closing: AsyncDisposable[] = [];
afterEach(async () => {
  for (const owner of closing.splice(0).reverse()) await owner[Symbol.asyncDispose]();
});

function newTransport(): HttpTransport {
  const transport = new HttpTransport({ timeouts: defaultTimeouts });
  closing.push({ [Symbol.asyncDispose]: () => transport.close() });
  return transport;
}

/** A host, and what it was sent. */
async function listening(answer: RequestListener): Promise<{ readonly url: string; readonly seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push({
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const giveToken: RequestListener = (_request, response) => {
  response.setHeader("content-type", "application/json").end('{"token":"t"}');
};

describe("a token service that redirects", () => {
  const redirectingTo = (location: string, status: number) =>
    listening((request, response) => {
      if (request.url?.startsWith("/moved")) giveToken(request, response);
      else response.writeHead(status, { location }).end();
    });

  it.each([301, 302, 303, 307, 308])(
    "to another origin (%i) is refused: neither refresh token nor password goes there",
    async (status) => {
      const thief = await listening(giveToken);
      const service = { realm: new URL((await redirectingTo(thief.url, status)).url), service: undefined };
      for (const credentials of [{ kind: "identity-token", token: "refresh-me" } as const, ann]) {
        await expect(fetchToken(newTransport(), service, scopes, credentials)).rejects.toMatchObject({
          code: "REDIRECT_REFUSED",
        });
      }
      expect(thief.seen).toEqual([]);
    },
  );

  it("within its own origin is followed", async () => {
    const { url } = await redirectingTo("/moved", 307);
    const credentials = { kind: "identity-token", token: "refresh-me" } as const;
    const service = { realm: new URL(url), service: undefined };
    expect((await fetchToken(newTransport(), service, scopes, credentials)).value).toBe("t");
  });
});

describe("a token service that is asked over plain HTTP", () => {
  const answerOf = async (registry: string, realmUrl: string): Promise<string | undefined> => {
    const origin = new URL(registry);
    const authenticator = new Authenticator(origin.host, newTransport(), fixedCredentials(ann));
    return authenticator.answer(`Bearer realm="${realmUrl}"`, scopes, undefined, { origin });
  };

  it("gets a password from nobody who speaks HTTPS with the registry, on this machine or on the registry's own host", async () => {
    const { seen, url } = await listening(giveToken);
    for (const registry of ["https://registry.example", "https://127.0.0.1:5000", url.replace("http:", "https:")]) {
      expect(await answerOf(registry, `${url}/token`)).toBeUndefined();
    }
    expect(seen).toEqual([]);
  });

  it("on this machine is not asked for a registry elsewhere, even a plain one", async () => {
    const { seen, url } = await listening(giveToken);
    expect(await answerOf("http://registry.example:5000", `${url}/token`)).toBeUndefined();
    expect(seen).toEqual([]);
  });

  it("is asked when the registry is as plain and on the same host", async () => {
    const { url } = await listening(giveToken);
    expect(await answerOf("http://127.0.0.1:5000", `${url}/token`)).toBe("Bearer t");
  });
});
