import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestRegistry } from "../testing/test-registry.js";
import { anonymous } from "./credentials.js";
import { Endpoint } from "./endpoint.js";
import { RegistryClient, type RegistryClientOptions } from "./registry-client.js";

// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=test -addext subjectAltName=IP:127.0.0.1
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgoc3RKkS93rBkzU2D
vNcOyfbj5cNUzVj223oq42/HziGhRANCAATdICtJHwJp+gY1mWQjNXXTz7tv9O7J
gaC6fhJpqgJz8pLQhNkJvrJzrl//Sv/rM3zeE2PX39TMHO9n6ckE7Yu6
-----END PRIVATE KEY-----`;
const cert = `-----BEGIN CERTIFICATE-----
MIIBhjCCASygAwIBAgIUJs9ffULtW5CLpNWIZPD4VGBdQ+AwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjIwNDQ3MDZaGA8yMTI2MTAyOTA0NDcw
NlowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABN0g
K0kfAmn6BjWZZCM1ddPPu2/07smBoLp+EmmqAnPyktCE2Qm+snOuX/9K/+szfN4T
Y9ff1Mwc72fpyQTti7qjZDBiMB0GA1UdDgQWBBSgB6qAs+JVQK4ClTsYATzq8UKL
9DAfBgNVHSMEGDAWgBSgB6qAs+JVQK4ClTsYATzq8UKL9DAPBgNVHRMBAf8EBTAD
AQH/MA8GA1UdEQQIMAaHBH8AAAEwCgYIKoZIzj0EAwIDSAAwRQIhAJPJOy8Uo/Ba
tAPjif3LDC3wOK6wZ+a/vo/hjfWVtqZlAiB23jfDwIT/jtMEXbvsaZA2n6rfkJQD
+cjGCF8VQAkBeA==
-----END CERTIFICATE-----`;

const tls = createTlsServer({ key, cert }, (_request, response) => {
  response.writeHead(200, { "content-type": "application/json" }).end("{}");
});
let host = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(tls.address() as AddressInfo).port}`;
});
afterAll(() => {
  tls.close();
  tls.closeAllConnections();
});

async function ping(options: RegistryClientOptions, at: string = host): Promise<void> {
  await using client = new RegistryClient({
    credentials: anonymous,
    retry: { firstDelayMs: 1, maxDelayMs: 2 },
    ...options,
  });
  await client.ping(at);
}

describe("a registry on this machine", () => {
  it("that speaks HTTPS is found behind the try over plain HTTP", async () => {
    await expect(ping({ ca: cert })).resolves.toBeUndefined();
    await expect(ping({ insecureSkipVerify: true })).resolves.toBeUndefined();
  });

  it("with an unknown certificate is refused, with the cure", async () => {
    await expect(ping({ plainHttp: false })).rejects.toThrow(/Give the registry's certificate authority/);
  });

  it("that breaks its first connection is not taken for one that speaks HTTPS", async () => {
    await using registry = await TestRegistry.start();
    registry.faults.add({ fault: { kind: "reset" }, times: 1 });
    await expect(ping({}, registry.host)).resolves.toBeUndefined();
  });

  it("that does not speak HTTPS says so when HTTPS is demanded", async () => {
    await using registry = await TestRegistry.start();
    await expect(ping({ plainHttp: false }, registry.host)).rejects.toMatchObject({ code: "UNREACHABLE" });
  });
});

describe("the endpoint", () => {
  it.each([
    ["docker.io", undefined, "https://registry-1.docker.io/"],
    ["registry.example.org:5000", undefined, "https://registry.example.org:5000/"],
    ["registry.example.org:5000", true, "http://registry.example.org:5000/"],
    ["localhost:5000", undefined, "http://localhost:5000/"],
    ["localhost:5000", false, "https://localhost:5000/"],
  ])("of %s with plain HTTP %s is %s", (name, plainHttp, origin) => {
    expect(new Endpoint(name, plainHttp).origin.href).toBe(origin);
  });

  it("asks a function host by host", () => {
    const plainHttp = (name: string): boolean | undefined => (name === "a.example" ? true : undefined);
    expect(new Endpoint("a.example", plainHttp).origin.protocol).toBe("http:");
    expect(new Endpoint("b.example", plainHttp).origin.protocol).toBe("https:");
  });
});
