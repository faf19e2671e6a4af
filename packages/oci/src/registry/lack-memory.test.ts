import { afterEach, describe, expect, it } from "vitest";
import { emptyDescriptor } from "../descriptor.js";
import { createImageManifest, descriptorOfManifest } from "../manifest.js";
import { TestRegistry, type TestRegistryOptions } from "../testing/test-registry.js";
import { anonymous } from "./credentials.js";
import { LackMemory } from "./lack-memory.js";
import { RegistryClient } from "./registry-client.js";

const closing: AsyncDisposable[] = [];
afterEach(async () => {
  for (const owner of closing.splice(0).reverse()) await owner[Symbol.asyncDispose]();
});

describe("what a registry lacks", () => {
  it("is remembered for five minutes, and only that", () => {
    const memory = new LackMemory();
    memory.add("referrers", 1000);
    expect(memory.has("referrers", 1000 + 299_999)).toBe(true);
    expect(memory.has("referrers", 1000 + 300_000)).toBe(false);
    expect(memory.has("other", 1000)).toBe(false);
    memory.forget("referrers");
    expect(memory.has("referrers", 1000)).toBe(false);
  });
});

describe("lists of referrers", () => {
  const asked = async (referrers: TestRegistryOptions["referrers"] & string): Promise<number> => {
    const registry = await TestRegistry.start({ referrers });
    const client = new RegistryClient({ credentials: anonymous });
    closing.push(registry, client);
    const subject = createImageManifest({ config: emptyDescriptor, layers: [] });
    const referrer = createImageManifest({
      config: emptyDescriptor,
      layers: [],
      artifactType: "application/x.test",
      subject: descriptorOfManifest(subject),
    });
    await client.repository(registry.host, "app").pushManifest(referrer);
    for (const name of ["app", "app", "other", "other"]) {
      const found = await client.repository(registry.host, name).referrers(subject.digest);
      expect(found.map(({ digest }) => digest)).toEqual(name === "app" ? [referrer.digest] : []);
    }
    return registry.requests.filter(({ path }) => path.includes("/referrers/")).length;
  };

  it.each(["404", "html"] as const)(
    "are asked for once in each repository where the registry has none (%s)",
    async (answer) => {
      expect(await asked(answer)).toBe(2);
    },
  );

  it("are asked for every time where the registry has them", async () => {
    expect(await asked("api")).toBe(4);
  });

  it("are asked for again once the registry has acknowledged a subject", async () => {
    const registry = await TestRegistry.start();
    const client = new RegistryClient({ credentials: anonymous });
    closing.push(registry, client);
    const subject = createImageManifest({ config: emptyDescriptor, layers: [] });
    const repository = client.repository(registry.host, "new");
    registry.faults.add({ fault: { kind: "status", status: 404 }, times: 1 });
    expect(await repository.referrers(subject.digest)).toEqual([]);
    await repository.pushManifest(
      createImageManifest({ config: emptyDescriptor, layers: [], subject: descriptorOfManifest(subject) }),
    );
    expect(await repository.referrers(subject.digest)).toHaveLength(1);
  });
});
