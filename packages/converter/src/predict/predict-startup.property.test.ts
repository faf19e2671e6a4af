import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elfOf } from "../testing/elf-of.js";
import { imageOf, type TestFile } from "../testing/image-of.js";
import { predictStartup } from "./predict-startup.js";

const paths = [
  "bin/sh",
  "bin/node",
  "usr/bin/python3.11",
  "opt/bin/java",
  "usr/sbin/nginx",
  "etc/nginx/nginx.conf",
  "etc/ld.so.cache",
  "app/a.js",
  "app/b.mjs",
  "app/package.json",
  "app/node_modules/p/package.json",
  "usr/lib/python3.11/m.py",
  "usr/lib/python3.11/m.cpython-311-x86_64-linux-gnu.so",
  "opt/lib/modules",
  "opt/lib/server/libjvm.so",
  "app/x.jar",
  "run.sh",
];
const starts = [
  "#!/bin/sh\n",
  "#!/usr/bin/env node\n",
  "\x7fELF\x02\x01",
  "glibc-ld.so.cache1.1",
  "PK\x03\x04",
  "\xda\xda\xfe\xca",
  "{",
  "->",
  "",
];
const words = [
  "require('./b.mjs')",
  "import m",
  "from . import *",
  "exec ",
  "/run.sh ",
  '{"exports": {"./*": "./*"}}',
  "include *;",
  "$@",
  "\n",
  "\0",
  "../",
];
const content = fc
  .tuple(
    fc.constantFrom(...starts),
    fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 20 })), { maxLength: 20 }),
  )
  .map(([start, parts]) => Buffer.from(start + parts.join(""), "latin1"));
const damagedElf = fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 20 }).map((changes) => {
  const bytes = elfOf({ needed: ["m.so"], rpath: "$ORIGIN:/usr/lib", sections: [{ name: ".rodata", bytes: 5000 }] });
  for (const [at, value] of changes) bytes[at] = value;
  return bytes;
});
const file: fc.Arbitrary<TestFile> = fc
  .oneof(content, damagedElf, fc.constantFrom("->/app", "->../bin/sh", "->run.sh", "->.", "->node"))
  .map((value) => (typeof value === "string" ? value : { content: value, mode: 0o755 }));
const command = fc.array(
  fc.constantFrom(...paths.map((path) => `/${path}`), "-c", "-m", "-cp", "-jar", "m", "env", "sh"),
  { maxLength: 4 },
);

describe("predictStartup", () => {
  it("gives disjoint runs of content of files, the same twice, for whatever an image holds", async () => {
    const files = fc.dictionary(fc.constantFrom(...paths), file);
    await fc.assert(
      fc.asyncProperty(files, command, async (entries, words) => {
        const image = imageOf(entries, { Cmd: words, WorkingDir: "/app" });
        const runs = await predictStartup(image);
        const blocks = runs.flatMap(({ startBlock, blocks: count }) =>
          Array.from({ length: count }, (_, i) => startBlock + i),
        );
        expect(new Set(blocks).size).toBe(blocks.length);
        for (const path of image.pathsOf(runs)) expect(path).toMatch(/^\//);
        expect(await predictStartup(image)).toEqual(runs);
      }),
      { numRuns: 400 },
    );
  });
});
