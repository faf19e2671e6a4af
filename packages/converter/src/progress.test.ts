import { type Descriptor, ociMediaTypes, sha256Of } from "@sluice/oci";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProgressMeter } from "./progress.js";

interface TestLayer {
  readonly sizes: readonly number[];
  readonly reused: boolean;
}

async function* pieces(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const size of sizes) yield new Uint8Array(size);
}

async function acquire(meter: ProgressMeter, descriptor: Descriptor, { sizes, reused }: TestLayer): Promise<void> {
  let read = 0;
  if (!reused) for await (const piece of meter.counted(pieces(sizes))) read += piece.length;
  expect(read).toBe(reused ? 0 : descriptor.size);
  meter.layerDone(descriptor, reused);
}

/** The fractions that a whole conversion tells. */
async function fractionsOf(layers: readonly TestLayer[], blobs: number): Promise<number[]> {
  const fractions: number[] = [];
  const meter = new ProgressMeter(({ fraction }) => void fractions.push(fraction));
  const described = layers.map((layer, i) => {
    const size = layer.sizes.reduce((sum, bytes) => sum + bytes, 0);
    return { layer, descriptor: { mediaType: ociMediaTypes.layer, digest: sha256Of(`layer ${i}`), size } };
  });
  meter.resolved(
    sha256Of("image"),
    described.map(({ descriptor }) => descriptor),
  );
  for (const { layer, descriptor } of described) await acquire(meter, descriptor, layer);
  meter.merging();
  const sources = Array.from({ length: blobs }, (_, i) => {
    return { digest: sha256Of(`blob ${i}`), sizeBytes: 1, content: () => pieces([1]), from: undefined };
  });
  const pushed = meter.pushing(sources);
  for (const source of sources) pushed(source);
  return fractions;
}

describe("ProgressMeter", () => {
  it("tells fractions that never fall, from 0 to 1, whatever is read, reused or pushed", async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 6_000_000 }), { maxLength: 4 });
    const layer = fc.record({ sizes, reused: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(layer, { maxLength: 4 }), fc.integer({ min: 1, max: 5 }), async (layers, blobs) => {
        const fractions = await fractionsOf(layers, blobs);
        expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
        expect([fractions[0], fractions.at(-1)]).toEqual([0, 1]);
      }),
      { numRuns: 50 },
    );
  });
});
