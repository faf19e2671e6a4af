import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingPrograms } from "@sluice/oci/testing";
import fc from "fast-check";
import { type Pack, pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { archive, deepPath, makeTree } from "../testing/real-tars.js";
import { entryAt, scanned } from "../testing/scanned-tar.js";
import { TarInvalidError } from "./errors.js";

let directory: string;
let tree: string;

async function packed(fill: (tar: Pack) => void): Promise<Buffer> {
  const tar = pack();
  fill(tar);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-tar-"));
  tree = join(directory, "tree");
  await makeTree(tree, 100_000);
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Why there are no archives of this program here; empty when there are. */
const whyNone = (program: string): string =>
  missingPrograms({ [program]: program === "bsdtar" ? "libarchive-tools" : program });

describe("TarScanner on archives of other programs", () => {
  it.for<[string, string[]]>([
    ["tar", ["--format=v7", "--exclude=./deep", "--exclude=./soft", "--mtime=@0", "-cf", "-"]],
    ["tar", ["--format=gnu", "-S", "-cf", "-"]],
    ["tar", ["--format=ustar", "--exclude=./deep/d*", "--exclude=./soft", "--mtime=@0", "-cf", "-"]],
    ["tar", ["--format=posix", "-S", "--sparse-version=0.0", "-cf", "-"]],
    ["tar", ["--format=posix", "-S", "--sparse-version=0.1", "-cf", "-"]],
    ["tar", ["--format=posix", "-S", "--sparse-version=1.0", "-cf", "-"]],
    ["bsdtar", ["--format=pax", "-cf", "-"]],
    ["bsdtar", ["--format=gnutar", "-cf", "-"]],
  ])("gives back every byte of %s %j and knows its files", async ([program, args], { skip }) => {
    skip(whyNone(program) !== "", whyNone(program));
    const tar = await archive(tree, program, args);
    const all = scanned(tar, 10_000);
    expect(all.rebuilt.equals(tar)).toBe(true);
    expect(entryAt(all, "sparse").sizeBytes).toBe(3_000_000);
    const plain = [
      entryAt(all, "plain"),
      ...all.entries.filter((e) => Buffer.from(e.path).equals(Buffer.from("deep/hard"))),
    ];
    expect(plain.map((entry) => entry.sizeBytes)).toContain(100_000);
    if (!args.includes("--exclude=./deep")) return;
    expect(all.entries.some((entry) => Buffer.from(entry.path).toString() === "deep/hard")).toBe(false);
  });

  it.for<[string, string[]]>([
    ["tar", ["--format=posix", "-cf", "-"]],
    ["bsdtar", ["--format=pax", "-cf", "-"]],
  ])("reads long names, UTF-8 names and times before 1970 of %s", async ([program, args], { skip }) => {
    skip(whyNone(program) !== "", whyNone(program));
    const all = scanned(await archive(tree, program, args));
    expect(all.contents.get(deepPath)?.toString()).toBe("deep content");
    expect(Buffer.from(entryAt(all, "soft").target).toString()).toBe("x".repeat(150));
    const unicode = entryAt(all, Buffer.from("ünïcode").toString("latin1"));
    expect([unicode.mtimeSeconds, unicode.mtimeNanoseconds]).toEqual([-86_400, 0]);
  });

  it("agrees with what tar-stream packed, whatever it was, however it is cut", async () => {
    const name = fc
      .array(fc.stringMatching(/^[a-zé]{1,60}$/), { minLength: 1, maxLength: 5 })
      .map((parts) => parts.join("/"));
    const files = fc.uniqueArray(fc.record({ name, size: fc.integer({ min: 0, max: 2000 }) }), {
      selector: (file) => file.name,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 3000 }), async (wanted, pieceBytes) => {
        const tar = await packed((out) => {
          for (const file of wanted) out.entry({ name: file.name, mtime: new Date(5000) }, "x".repeat(file.size));
        });
        const all = scanned(tar, pieceBytes);
        expect(all.rebuilt.equals(tar)).toBe(true);
        expect(all.entries.map((e) => [Buffer.from(e.path).toString(), e.sizeBytes, e.mtimeSeconds])).toEqual(
          wanted.map((file) => [file.name, file.size, 5]),
        );
      }),
      { numRuns: 50 },
    );
  });

  it("answers damaged archives with a TarInvalidError or with every byte of them", async () => {
    const tar = await archive(tree, "tar", ["--format=posix", "-S", "-cf", "-"]);
    const start = tar.subarray(0, 40_000);
    const damage = fc.array(fc.tuple(fc.nat(start.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 6 });
    fc.assert(
      fc.property(damage, fc.integer({ min: 0, max: start.length }), (bytes, length) => {
        const broken = Buffer.from(start.subarray(0, length));
        for (const [at, value] of bytes) if (at < broken.length) broken[at] = value;
        try {
          expect(scanned(broken, 5000).rebuilt.equals(broken)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(TarInvalidError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
