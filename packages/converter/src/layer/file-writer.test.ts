import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DiskFullError } from "./disk-full.js";
import { FileWriter } from "./file-writer.js";
import { openTemporaryFile } from "./temporary-file.js";

describe("FileWriter", () => {
  it("writes what was appended, in order, whatever the sizes", async () => {
    const step = fc.record({ zeros: fc.boolean(), length: fc.integer({ min: 0, max: 700_000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        await using file = await openTemporaryFile(tmpdir());
        const writer = new FileWriter(file.handle, file.path);
        const wanted: Buffer[] = [];
        for (const { zeros, length } of steps) {
          const bytes = zeros ? Buffer.alloc(length) : randomBytes(length);
          wanted.push(bytes);
          if (zeros) writer.appendZeros(length);
          else writer.append(bytes);
          await writer.settle();
        }
        await writer.flush();
        const all = Buffer.concat(wanted);
        expect(writer.sizeBytes).toBe(all.length);
        expect((await file.handle.readFile()).equals(all)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it("says that the disk is full, and where", async () => {
    await using handle = await open("/dev/full", "r+");
    const writer = new FileWriter(handle, "/dev/full");
    writer.append(randomBytes(3_000_000));
    await expect(writer.flush()).rejects.toThrow(DiskFullError);
    await expect(writer.flush()).rejects.toThrow("no space left in /dev");
  });
});
