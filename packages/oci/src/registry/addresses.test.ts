import { describe, expect, it } from "vitest";
import { startRedirector } from "../testing/redirector.js";
import { TestRegistry } from "../testing/test-registry.js";
import { addressRule } from "./addresses.js";
import { anonymous } from "./credentials.js";
import { RegistryClient } from "./registry-client.js";

type Verdict = "open" | "private" | "never";

/** What an address is to a service that connects where its callers say. */
const verdicts: readonly (readonly [address: string, verdict: Verdict])[] = [
  ["93.184.216.34", "open"],
  ["2606:2800:220:1:248:1893:25c8:1946", "open"],
  ["::ffff:93.184.216.34", "open"],
  ["64:ff9b::5db8:d822", "open"],
  ["127.0.0.1", "private"],
  ["127.9.9.9", "private"],
  ["::1", "private"],
  ["::ffff:127.0.0.1", "private"],
  ["::ffff:7f00:1", "private"],
  ["64:ff9b::7f00:1", "private"],
  ["10.1.2.3", "private"],
  ["::ffff:10.1.2.3", "private"],
  ["172.16.0.1", "private"],
  ["172.31.255.255", "private"],
  ["172.32.0.1", "open"],
  ["192.168.1.1", "private"],
  ["100.64.0.1", "private"],
  ["198.18.0.1", "private"],
  ["fd12:3456::1", "private"],
  ["fec0::1", "private"],
  ["169.254.169.254", "never"],
  ["169.254.0.1", "never"],
  ["::ffff:169.254.169.254", "never"],
  ["::ffff:a9fe:a9fe", "never"],
  ["64:ff9b::a9fe:a9fe", "never"],
  ["64:ff9b:1::a9fe:a9fe", "never"],
  ["2002:a9fe:a9fe::1", "never"],
  ["fe80::1", "never"],
  ["fd00:ec2::254", "never"],
  ["fd20:ce::254", "never"],
  ["100.100.100.200", "never"],
  ["192.0.0.192", "never"],
  ["168.63.129.16", "never"],
  ["0.0.0.0", "never"],
  ["::", "never"],
  ["224.0.0.1", "never"],
  ["255.255.255.255", "never"],
  ["ff02::1", "never"],
];

describe("the rule for addresses", () => {
  it.each(verdicts)("%s is %s", (address, verdict) => {
    const allowed = [false, true].map((allowPrivate) => addressRule({ allowPrivate })(address) === undefined);
    expect(allowed).toEqual({ open: [true, true], private: [false, true], never: [false, false] }[verdict]);
  });
});

describe("a client with a rule for addresses", () => {
  const client = (allowPrivate: boolean) =>
    new RegistryClient({ credentials: anonymous, plainHttp: true, addresses: addressRule({ allowPrivate }) });

  it.each(["127.0.0.1:PORT", "localhost:PORT", "[::1]:PORT", "169.254.169.254", "2130706433:PORT", "0x7f.1:PORT"])(
    "connects to no %s, and does not try again",
    async (host) => {
      await using registry = await TestRegistry.start();
      await using guarded = client(false);
      const port = registry.host.split(":")[1] ?? "";
      const resolving = guarded.repository(host.replace("PORT", port), "app").resolve("latest");
      await expect(resolving).rejects.toMatchObject({ retryable: false, cause: { code: "ADDRESS_REFUSED" } });
      expect(registry.requests).toEqual([]);
    },
  );

  it("reaches what is allowed", async () => {
    await using registry = await TestRegistry.start();
    await using guarded = client(true);
    await guarded.ping(registry.host);
  });

  it.each(["http://169.254.169.254/latest/meta-data", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/"])(
    "follows no redirect to %s",
    async (target) => {
      await using redirector = await startRedirector(target);
      await using guarded = client(true);
      const resolving = guarded.repository(redirector.host, "app").resolve("latest");
      await expect(resolving).rejects.toMatchObject({ cause: { code: "ADDRESS_REFUSED" } });
      expect(redirector.requests).toBe(1);
    },
  );
});
