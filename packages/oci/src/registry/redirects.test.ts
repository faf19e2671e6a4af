import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { emptyDescriptor } from "../descriptor.js";
import { createImageManifest, descriptorOfManifest, referrerDescriptor } from "../manifest.js";
import { TestRegistry } from "../testing/test-registry.js";
import { parseContentRange, receivedBytes } from "./content-range.js";
import { anonymous } from "./credentials.js";
import { isLoopback } from "./endpoint.js";
import { cleanText, redactUrl } from "./redact.js";
import { RedirectCache, signatureEndMs } from "./redirect-cache.js";
import { referrersTagOf } from "./referrers.js";
import { RegistryClient } from "./registry-client.js";
import { parseRetryAfter } from "./retry.js";

const closing: AsyncDisposable[] = [];
afterEach(async () => {
  for (const owner of closing.splice(0).reverse()) await owner[Symbol.asyncDispose]();
});

const newClient = (): RegistryClient => {
  const client = new RegistryClient({ credentials: anonymous, retry: { firstDelayMs: 1, maxDelayMs: 2 } });
  closing.push(client);
  return client;
};

/** A host that answers everything in one way. */
async function hostThat(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push({
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("a redirect", () => {
  it.each(["file:///etc/passwd", "ftp://host/x", "data:text/plain,x", "javascript:1", "http://", ""])(
    "to %j is refused",
    async (location) => {
      const host = await hostThat((_request, response) => {
        response.writeHead(302, { location }).end();
      });
      await expect(newClient().repository(host, "app").getManifest("v1")).rejects.toMatchObject({
        code: "REDIRECT_REFUSED",
      });
    },
  );

  it("in a circle ends after five", async () => {
    let requests = 0;
    const host = await hostThat((request, response) => {
      requests++;
      response.writeHead(307, { location: `${request.url}&x` }).end();
    });
    await expect(newClient().ping(host)).rejects.toThrow(/more than 5 redirects/);
    expect(requests).toBe(6);
  });
});

describe("a hostile registry", () => {
  it("that sends garbage instead of HTTP is unreachable, not a hang", async () => {
    const host = await hostThat((request) => {
      request.socket.end("\u0000\u0001garbage\r\n\r\n");
    });
    await expect(newClient().ping(host)).rejects.toMatchObject({ code: "UNREACHABLE" });
  });

  it("that sends an endless error body is read no further than needed", async () => {
    const host = await hostThat((_request, response) => {
      response.writeHead(403, { "content-type": "application/json" });
      const send = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20)));
      };
      response.on("drain", send);
      send();
    });
    await expect(newClient().ping(host)).rejects.toMatchObject({ code: "DENIED" });
  });

  it("that opens uploads at a file is refused", async () => {
    const host = await hostThat((request, response) => {
      const status = request.method === "HEAD" ? 404 : 202;
      response.writeHead(status, { location: "file:///etc/passwd" }).end();
    });
    const push = newClient()
      .repository(host, "app")
      .pushBlob(emptyDescriptor, async function* () {
        yield Buffer.from("{}");
      });
    await expect(push).rejects.toThrow(/no usable Location/);
  });

  it("whose pages never end is left after a thousand", async () => {
    const host = await hostThat((_request, response) => {
      response.writeHead(200, { "content-type": "application/json", link: '</v2/app/tags/list?n=1>; rel="next"' });
      response.end('{"tags":["a"]}');
    });
    let count = 0;
    for await (const tag of newClient().repository(host, "app").tags()) count += tag.length;
    expect(count).toBe(1000);
  });
});

describe("the fallback tag", () => {
  const subject = createImageManifest({ config: emptyDescriptor, layers: [] });
  const referrer = (label: string) =>
    createImageManifest({
      artifactType: "application/vnd.example",
      config: emptyDescriptor,
      layers: [],
      subject: descriptorOfManifest(subject),
      annotations: { label },
    });

  it("keeps the entries of two writers on two machines", async () => {
    const registry = await TestRegistry.start({ referrers: "404", latencyMs: 5 });
    closing.push(registry);
    const writers = [newClient(), newClient()].map((client) => client.repository(registry.host, "app"));
    const all = ["a", "b"].map(referrer);
    const pushed = await Promise.all(writers.map((writer, at) => writer.pushManifest(all[at] ?? subject)));
    expect(pushed.map(({ subjectListing }) => subjectListing)).toEqual(["by-tag", "by-tag"]);
    const index = await writers[0]?.getManifest(referrersTagOf(subject.digest));
    const listed = index?.kind === "index" ? index.manifests : [];
    expect(new Set(listed.map(({ digest }) => digest))).toEqual(new Set(all.map(({ digest }) => digest)));
    expect(listed).toContainEqual(referrerDescriptor(referrer("a")));
  });

  it("is written although the API answers, when the push was not acknowledged", async () => {
    const registry = await TestRegistry.start({ ociSubject: false });
    closing.push(registry);
    const { subjectListing } = await newClient().repository(registry.host, "app").pushManifest(referrer("a"));
    expect(subjectListing).toBe("by-tag");
  });

  it("that names a single image is not overwritten", async () => {
    const registry = await TestRegistry.start({ referrers: "404" });
    closing.push(registry);
    const repository = newClient().repository(registry.host, "app");
    await repository.pushManifest(subject, { tag: referrersTagOf(subject.digest) });
    await expect(repository.pushManifest(referrer("a"))).rejects.toThrow(/expected an index of referrers/);
  });

  it("is not needed where lists come in pages", async () => {
    const registry = await TestRegistry.start({ pageSize: 2 });
    closing.push(registry);
    const repository = newClient().repository(registry.host, "app");
    for (const label of ["a", "b", "c", "d", "e"]) await repository.pushManifest(referrer(label), { tag: label });
    expect((await repository.referrers(subject.digest)).length).toBe(5);
    const tags: string[] = [];
    for await (const tag of repository.tags()) tags.push(tag);
    expect(tags).toEqual(["a", "b", "c", "d", "e"]);
  });
});

describe("texts and headers", () => {
  it("hide signatures and passwords", () => {
    const shown = redactUrl("https://me:pw@s3.example/b/x?X-Amz-Signature=abc&digest=sha256:1&_state=s");
    expect(shown).toBe("https://s3.example/b/x?X-Amz-Signature=***&digest=sha256%3A1&_state=***");
  });

  it("lose what could steer a terminal", () => {
    expect(cleanText("a\u001b]0;x\u0007\r\nb\u202e\u0000c")).toBe("a ]0;x b c");
    expect(cleanText("x".repeat(10_000)).length).toBeLessThan(500);
  });

  it("tell how long to wait", () => {
    expect(parseRetryAfter("3")).toBe(3000);
    expect(parseRetryAfter("Thu, 01 Jan 1970 00:00:10 GMT", 4000)).toBe(6000);
    expect(parseRetryAfter("Thu, 01 Jan 1970 00:00:10 GMT", 40_000)).toBe(0);
    expect(parseRetryAfter("soon")).toBeUndefined();
  });

  it("tell which bytes follow, or nothing", () => {
    expect(parseContentRange("bytes 5-9/100")).toEqual({ range: { start: 5, end: 10 }, totalBytes: 100 });
    expect(parseContentRange("bytes 5-9/*")).toEqual({ range: { start: 5, end: 10 }, totalBytes: undefined });
    for (const bad of [
      "bytes 9-5/100",
      "bytes 5-100/100",
      "bytes */100",
      "items 1-2/3",
      "bytes 1-9999999999999999/*",
      "",
    ]) {
      expect(parseContentRange(bad)).toBeUndefined();
    }
    expect([receivedBytes("0-9"), receivedBytes("bytes=0-9"), receivedBytes("0-0"), receivedBytes(undefined)]).toEqual([
      10, 10, 0, 0,
    ]);
  });

  it("tell when a signed link ends", () => {
    const end = (query: string): number => signatureEndMs(new URL(`https://s/x?${query}`));
    expect(end("X-Amz-Date=19700101T000010Z&X-Amz-Expires=5")).toBe(15_000);
    expect(end("Expires=20")).toBe(20_000);
    expect(end("se=1970-01-01T00%3A00%3A30Z")).toBe(30_000);
    expect(end("a=b")).toBe(Number.POSITIVE_INFINITY);
  });

  it("let a link be used until shortly before its end, five minutes at most", () => {
    let nowMs = 0;
    const cache = new RedirectCache(() => nowMs);
    cache.set("a", new URL("https://s/x?Expires=60"));
    cache.set("b", new URL("https://s/y"));
    cache.set("c", new URL("https://s/z?Expires=5"));
    expect([cache.get("a")?.pathname, cache.get("b")?.pathname, cache.get("c")]).toEqual(["/x", "/y", undefined]);
    nowMs = 50_001;
    expect([cache.get("a"), cache.get("b")?.pathname]).toEqual([undefined, "/y"]);
    nowMs = 300_001;
    expect(cache.get("b")).toBeUndefined();
  });

  it("know this machine by its names", () => {
    const here = ["localhost", "localhost:5000", "127.0.0.1:1", "127.9.9.9", "[::1]:5000", "a.localhost:80"];
    const elsewhere = ["128.0.0.1", "localhost.example.org", "127.example.org", "10.0.0.1:5000", "[::2]"];
    expect(here.map(isLoopback)).toEqual(here.map(() => true));
    expect(elsewhere.map(isLoopback)).toEqual(elsewhere.map(() => false));
  });
});
