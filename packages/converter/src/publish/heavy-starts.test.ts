import type { ArtifactBlob } from "@sluice/disk/artifact";
import { sha256Of } from "@sluice/oci";
import { describe, expect, it } from "vitest";
import { heavyStartWarnings } from "./heavy-starts.js";

const blob = (sizeBytes: number): ArtifactBlob => ({ digest: sha256Of("blob"), sizeBytes }) as ArtifactBlob;
const warnings = (startupBytes: number, recordings: number): readonly string[] =>
  heavyStartWarnings({ startup: blob(startupBytes), recordings, layers: [blob(20e6), blob(20e6)] as never });

describe("an image whose starts read most of it", () => {
  it("is warned of once a start was recorded, with the share", () => {
    expect(warnings(30e6, 1)).toEqual([expect.stringContaining("a start reads 75 % of the image")]);
    expect(warnings(30e6, 0)).toEqual([]);
  });

  it("is not one that reads less than half, or that is small", () => {
    expect(warnings(19e6, 3)).toEqual([]);
    expect(heavyStartWarnings({ startup: blob(5e6), recordings: 3, layers: [blob(5e6)] as never })).toEqual([]);
    expect(heavyStartWarnings({ startup: undefined, recordings: 0, layers: [] })).toEqual([]);
  });
});
