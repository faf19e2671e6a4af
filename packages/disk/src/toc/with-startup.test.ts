import { sha256Of } from "@sluice/oci/content";
import { describe, expect, it } from "vitest";
import { sampleToc } from "../testing/samples.js";
import { startupTable } from "../testing/startup-table.js";
import { checkToc } from "./check-toc.js";
import { blobKind } from "./toc.js";
import { noStartup, withStartup } from "./with-startup.js";

const blob = { digest: sha256Of("another startup"), sizeBytes: 1000 };
const chunks = startupTable([[{ startBlock: 0, blocks: 2 }], [{ startBlock: 262_144, blocks: 1 }]]);

describe("a TOC", () => {
  it("has the new startup blob in place of the one it had, and is otherwise the same", () => {
    const before = sampleToc();
    const after = withStartup(before, { blob, chunks });
    expect(() => checkToc(after)).not.toThrow();
    expect(after.blobs).toEqual([...before.blobs.slice(0, -1), { kind: blobKind.startup, ...blob }]);
    expect({ ...after, blobs: 0, startup: 0 }).toEqual({ ...before, blobs: 0, startup: 0 });
    expect(after.startup).toEqual({ ...chunks, blob: Uint16Array.of(4, 4) });
  });

  it("has none when none is given", () => {
    const after = withStartup(sampleToc());
    expect(() => checkToc(after)).not.toThrow();
    expect([after.blobs.length, after.startup]).toEqual([4, noStartup()]);
    expect(withStartup(after)).toEqual(after);
  });

  it("keeps chunks and regions in their blobs, wherever the startup blob stood among them", () => {
    const sample = sampleToc();
    const last = sample.blobs.length - 1;
    const turned = {
      ...sample,
      blobs: [...sample.blobs.slice(last), ...sample.blobs.slice(0, last)],
      regions: sample.regions.map((region) => ({ ...region, blob: region.blob + 1 })),
      chunks: { ...sample.chunks, blob: sample.chunks.blob.map((row) => row + 1) },
      startup: { ...sample.startup, blob: sample.startup.blob.fill(0) },
    };
    expect(() => checkToc(turned)).not.toThrow();
    expect(withStartup(turned, { blob, chunks })).toEqual(withStartup(sampleToc(), { blob, chunks }));
  });
});
