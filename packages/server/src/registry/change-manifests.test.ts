import { describe, expect, it } from "vitest";
import type { RegistryEvent } from "../events/registry-event.js";
import { startTestServer } from "../testing/test-server.js";

describe("pushes and deletions over HTTP", () => {
  it("are told, with who did it, and what listeners say goes back as a warning", async () => {
    const heard: RegistryEvent[] = [];
    await using registry = await startTestServer({
      onEvent: async (event) => {
        heard.push(event);
        return event.isNew ? 'a "new" one' : undefined;
      },
    });
    const { digest, size, mediaType } = await registry.pushImage("app", "1", "content");
    const manifest = await registry.send("GET", "/v2/app/manifests/1");
    const bytes = new Uint8Array(await manifest.arrayBuffer());
    const again = await registry.pushManifest("app", `${digest}?tag=2&tag=3`, bytes);
    const other = await registry.pushManifest(
      "other",
      "1",
      { schemaVersion: 2, manifests: [] },
      "application/vnd.oci.image.index.v1+json",
    );
    expect([again.headers.get("warning"), other.headers.get("warning")]).toEqual([null, '299 - "a \\"new\\" one"']);
    await registry.send("DELETE", "/v2/app/manifests/3");
    await registry.send("DELETE", "/v2/app/manifests/3");
    await registry.send("DELETE", `/v2/app/manifests/${digest}`);
    const ofApp = heard.filter(({ repository }) => repository === "app");
    const common = { digest, sizeBytes: size, mediaType, caller: "", via: "push" };
    expect(ofApp).toMatchObject([
      { ...common, action: "push", tag: "1", isNew: true },
      { ...common, action: "push", tag: "2", isNew: false },
      { ...common, action: "push", tag: "3", isNew: false },
      { ...common, action: "delete", tag: "3" },
      { ...common, action: "delete" },
    ]);
    expect(ofApp.at(-1)).not.toHaveProperty("tag");
  });
});
