import fc from "fast-check";
import { stringify } from "smol-toml";
import { describe, expect, it } from "vitest";
import { parseGoDuration } from "./go-duration.js";
import { InvalidHostsFileError } from "./invalid-hosts-file-error.js";
import { parseHostsFile } from "./parse-hosts-file.js";

const file = "/certs/docker.io/hosts.toml";
const parse = (text: string) => parseHostsFile(text, file);

describe("a hosts.toml", () => {
  it("names the mirrors in its order, and the server behind them", () => {
    const { mirrors, server } = parse(`
      server = "https://registry-1.docker.io"
      [host."http://127.0.0.1:30020"]
        capabilities = ["pull"]
      [host."mirror.example:5000/proxy"]
        capabilities = ["Pull", "resolve"]
      [host."https://10.0.0.1/cache/v2/"]
        override_path = true
    `);
    expect(mirrors.map(({ origin, apiPath }) => [origin?.href, apiPath])).toEqual([
      ["http://127.0.0.1:30020/", "/v2"],
      ["https://mirror.example:5000/", "/proxy/v2"],
      ["https://10.0.0.1/", "/cache/v2"],
    ]);
    expect([...(mirrors[0]?.capabilities ?? [])]).toEqual(["pull"]);
    expect([...(mirrors[1]?.capabilities ?? [])]).toEqual(["pull", "resolve"]);
    expect(mirrors[2]?.capabilities.has("referrers")).toBe(true);
    expect(server.origin?.href).toBe("https://registry-1.docker.io/");
  });

  it("overrides the path of the API with the path of the address, whatever it is", () => {
    const { mirrors } = parse(`
      [host."https://a.example/some/path"]
      override_path = true
      [host."https://b.example"]
      override_path = true
    `);
    expect(mirrors.map(({ apiPath }) => apiPath)).toEqual(["/some/path", ""]);
  });

  it("finds certificates beside itself, and gives every form of them one shape", () => {
    const { mirrors, server } = parse(`
      ca = "own.pem"
      [host.a]
      ca = ["a.pem", "/abs/b.pem"]
      client = "both.pem"
      [host.b]
      client = ["one.pem", ["c.pem", "/abs/k.pem"]]
    `);
    expect(server.caFiles).toEqual(["/certs/docker.io/own.pem"]);
    expect(mirrors[0]?.caFiles).toEqual(["/certs/docker.io/a.pem", "/abs/b.pem"]);
    expect(mirrors[0]?.clientFiles).toEqual([["/certs/docker.io/both.pem", undefined]]);
    expect(mirrors[1]?.clientFiles).toEqual([
      ["/certs/docker.io/one.pem", undefined],
      ["/certs/docker.io/c.pem", "/abs/k.pem"],
    ]);
  });

  it("reads headers, the time to connect, and whether certificates are looked at", () => {
    const { mirrors } = parse(`
      [host.a]
      skip_verify = true
      dial_timeout = "1m1.5s"
      [host.a.header]
      X-Token = "t"
      x-many = ["1", "2"]
    `);
    expect(mirrors[0]).toMatchObject({ skipVerify: true, dialTimeoutMs: 61_500 });
    expect(mirrors[0]?.headers).toEqual({ "x-token": "t", "x-many": "1, 2" });
  });

  it("without a server leaves the registry where its name says", () => {
    expect(parse("").server.origin).toBeUndefined();
    expect(parse("unknown_key = 1").mirrors).toEqual([]);
  });

  it.each([
    ["server = ", /line 1/],
    ['[host."http://"]', /"http:\/\/" is not the address/],
    ['[host.a]\ncapabilities = ["eat"]', /unknown capability "eat"/],
    ['[host.a]\ndial_timeout = "3"', /dial_timeout: "3"/],
    ["[host.a]\nca = 7", /host\.a\.ca/],
    ['[host.a.header]\n"x y" = "1"', /host\.a\.header\.x y/],
    ['[host.a.header]\nx = "1\\r\\nhost: evil"', /no header may hold/],
    [Array.from({ length: 65 }, (_, n) => `[host.h${n}]`).join("\n"), /more than 64 hosts/],
  ])("that says %j is refused with file, place and cure", (text, message) => {
    expect(() => parse(text)).toThrow(InvalidHostsFileError);
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(file);
  });

  it("is read or refused, whatever bytes it holds", () => {
    const words = fc.constantFrom(
      "[host.a]",
      "server",
      "=",
      '"x"',
      "[[host]]",
      "ca",
      "[",
      "]",
      "\n",
      "header",
      "true",
      "'",
      "\\u",
    );
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(words, { maxLength: 40 }).map((all) => all.join(" ")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidHostsFileError);
        }
      }),
    );
  });

  it("is read or refused, whatever values stand behind its keys", () => {
    const key = fc.constantFrom(
      "capabilities",
      "ca",
      "client",
      "skip_verify",
      "header",
      "override_path",
      "dial_timeout",
    );
    const value = fc.jsonValue({ maxDepth: 2 }).filter((one) => one !== null && !JSON.stringify(one).includes("null"));
    fc.assert(
      fc.property(fc.dictionary(key, value), fc.webUrl(), (host, address) => {
        try {
          const { mirrors } = parse(stringify({ host: { [address]: host } }));
          expect(mirrors.length).toBe(1);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidHostsFileError);
        }
      }),
    );
  });
});

describe("a duration of Go", () => {
  it.each([
    ["1h", 3_600_000],
    ["2m30s", 150_000],
    ["1.5s", 1500],
    ["10µs", 0.01],
    ["0", 0],
  ])("%s is %d milliseconds", (text, ms) => expect(parseGoDuration(text)).toBeCloseTo(ms));

  it.each(["", "5", "-1s", "1s ", "s", "1..s", "1d"])("%j is none", (text) =>
    expect(parseGoDuration(text)).toBeUndefined(),
  );
});
