import { createImageIndex, type Descriptor, descriptorOfManifest, RegistryClient } from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { describe, expect, it } from "vitest";
import { selectImage } from "./select-image.js";

describe("an index of indexes", () => {
  it("costs a bounded number of requests, however many it holds on each level", async () => {
    await using registry = await TestRegistry.start();
    await using client = new RegistryClient();
    const store = registry.store.repository("app");
    const put = (manifests: readonly Descriptor[], note: string): Descriptor => {
      const index = createImageIndex(manifests, { note });
      store.putManifest(index.bytes, index.mediaType, "hostile");
      return { ...descriptorOfManifest(index), platform: { os: "linux", architecture: "amd64" } };
    };
    const level = (below: readonly Descriptor[], name: string): Descriptor[] =>
      Array.from({ length: 30 }, (_, at) => put(below, `${name}${at}`));
    put(level(level([], "deep"), "middle"), "top");
    await expect(selectImage(client.repository(registry.host, "app"), "hostile", "app:hostile")).rejects.toMatchObject({
      code: "NO_SUPPORTED_PLATFORM_FOUND",
      message: expect.stringContaining("64 manifests"),
    });
    expect(registry.requests.length).toBeLessThanOrEqual(65);
  });
});
