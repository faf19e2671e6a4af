import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { seededBytes } from "../testing/chunks.js";
import { BatchWriter } from "./batch-writer.js";

describe("writing in batches", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-batches-"));
    path = join(folder, "file");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("writes every piece in its place, behind what is there, in fewer calls than pieces", async () => {
    const bytes = seededBytes("batches", 3_000_000);
    await using file = await open(path, "w");
    await file.write("head");
    const writev = vi.spyOn(file, "writev");
    const writer = new BatchWriter(file, 4);
    for (let at = 0; at < bytes.byteLength; at += 1000) await writer.add(bytes.subarray(at, at + 1000));
    await writer.flush();
    expect(Buffer.compare(await readFile(path), Buffer.concat([Buffer.from("head"), bytes]))).toBe(0);
    expect(writev.mock.calls.length).toBeLessThan(1500);
  });

  it("goes on behind a write that took only a part", async () => {
    await using file = await open(path, "w");
    const whole = file.writev.bind(file);
    vi.spyOn(file, "writev").mockImplementation(([first = Buffer.alloc(0)], position) =>
      whole([Buffer.from(first.buffer, first.byteOffset, Math.min(3, first.byteLength))], position),
    );
    const writer = new BatchWriter(file, 0);
    for (const piece of ["first ", "", "second ", "third"]) await writer.add(Buffer.from(piece));
    await writer.flush();
    expect(await readFile(path, "utf8")).toBe("first second third");
  });

  it("writes a small piece without waiting for more", async () => {
    await using file = await open(path, "w");
    await new BatchWriter(file, 0).add(Buffer.from("a"));
    await expect.poll(() => readFile(path, "utf8")).toBe("a");
  });

  it("fails with what the file failed with, at the latest when all must be there", async () => {
    const file = await open(path, "w");
    await file.close();
    const writer = new BatchWriter(file, 0);
    const all = async (): Promise<void> => {
      await writer.add(Buffer.from("a"));
      await writer.flush();
    };
    await expect(all()).rejects.toThrow(/closed/);
    await expect(writer.flush()).rejects.toThrow(/closed/);
  });
});
