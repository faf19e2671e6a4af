import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { entryType } from "@sluice/disk";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TarFieldError } from "../tar/errors.js";
import type { TarEntry } from "../tar/tar-entry.js";
import { ContentSpool } from "./content-spool.js";
import { LayerSink } from "./layer-sink.js";
import { openTemporaryFile, type TemporaryFile } from "./temporary-file.js";

let directory: string;
let file: TemporaryFile;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-sink-"));
  file = await openTemporaryFile(directory);
});
afterEach(async () => {
  await file[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const entry = (more: Partial<TarEntry>): TarEntry => ({
  type: entryType.file,
  path: Buffer.from("f"),
  target: new Uint8Array(0),
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
  sizeBytes: 0,
  storedBytes: 0,
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Uint8Array(0),
  pieces: undefined,
  ...more,
});

describe("LayerSink", () => {
  it("refuses a layer whose names and attributes no index can hold, while it is read", () => {
    const sink = new LayerSink(new ContentSpool(file));
    const xattrs = new Uint8Array(190_000);
    const fill = (): void => {
      for (let i = 0; i < 1500; i++) sink.entry(entry({ xattrs }));
    };
    expect(fill).toThrow(TarFieldError);
    expect(sink.index.sizeBytes).toBeLessThan(2 ** 28 + 200_000);
  });

  it("refuses a layer of more sparse pieces than it wants to hold, over all its files", () => {
    const sink = new LayerSink(new ContentSpool(file));
    const pieces = Array.from({ length: 200_000 }, (_, i) => ({ offset: i * 8192, length: 1 }));
    const sparse = entry({ pieces, sizeBytes: 2 ** 32, storedBytes: pieces.length });
    sink.entry(sparse);
    sink.entry(sparse);
    expect(() => sink.entry(sparse)).toThrow(/more than 500000 pieces/);
  });
});
