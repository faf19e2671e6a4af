import { afterEach, describe, expect, it } from "vitest";
import { emptyDescriptor } from "../descriptor.js";
import { createImageManifest } from "../manifest.js";
import { TestRegistry } from "../testing/test-registry.js";
import { anonymous } from "./credentials.js";
import { RegistryClient } from "./registry-client.js";

const closing: AsyncDisposable[] = [];
afterEach(async () => {
  for (const owner of closing.splice(0).reverse()) await owner[Symbol.asyncDispose]();
});

describe("a list in pages", () => {
  it("is followed to its end, each entry once", async () => {
    const registry = await TestRegistry.start({ pageSize: 3 });
    const client = new RegistryClient({ credentials: anonymous });
    closing.push(registry, client);
    const manifest = createImageManifest({ config: emptyDescriptor, layers: [] });
    const names = Array.from({ length: 10 }, (_, at) => `v${at}`);
    for (const tag of names) registry.store.repository("app").putManifest(manifest.bytes, manifest.mediaType, tag);
    const found: string[] = [];
    for await (const tag of client.repository(registry.host, "app").tags()) found.push(tag);
    expect(found).toEqual(names);
    expect(registry.requests.length).toBe(4);
  });
});
