import { describe, expect, it } from "vitest";
import { imageOf } from "../testing/image-of.js";
import { predictStartup } from "./predict-startup.js";

describe("predictStartup", () => {
  it("predicts a script and what it requires, in the order in which it is loaded", async () => {
    const image = imageOf(
      {
        "usr/bin/node": "not an ELF file",
        "app/server.js": `const a = require("./a"); const b = require("pkg"); function later() { require("./lazy"); }`,
        "app/a.js": `exports.deep = require("./deep.json")`,
        "app/deep.json": "{}",
        "app/lazy.js": "1",
        "app/node_modules/pkg/package.json": `{"name": "pkg", "main": "lib"}`,
        "app/node_modules/pkg/lib/index.js": "1",
      },
      { Entrypoint: ["node"], Cmd: ["server.js"], WorkingDir: "/app" },
    );
    expect(image.pathsOf(await predictStartup(image))).toEqual([
      "/app/server.js",
      "/app/a.js",
      "/app/deep.json",
      "/app/node_modules/pkg/package.json",
      "/app/node_modules/pkg/lib/index.js",
    ]);
  });

  it("gives equal runs for equal images", async () => {
    const files = { "bin/sh": "x", start: "#!/bin/sh\nexec cat /etc/passwd\n", "etc/passwd": "root", "bin/cat": "y" };
    const config = { Cmd: ["/start"] };
    const runs = await predictStartup(imageOf(files, config));
    expect(runs.length).toBeGreaterThan(0);
    expect(await predictStartup(imageOf(files, config))).toEqual(runs);
  });

  it("predicts nothing for an image without a command, and for one whose command is not there", async () => {
    expect(await predictStartup(imageOf({ "bin/sh": "x" }))).toEqual([]);
    expect(await predictStartup(imageOf({ "bin/sh": "x" }, { Cmd: ["/nowhere"] }))).toEqual([]);
  });

  it("ends where scripts run each other and symlinks lead in circles", async () => {
    const image = imageOf(
      { a: "#!/b\n", b: "#!/a\n", "bin/sh": "x", c: "#!/bin/sh\n/c\n. /c\n", loop: "->loop" },
      { Entrypoint: ["/a"], Cmd: ["/loop"] },
    );
    expect(image.pathsOf(await predictStartup(image))).toEqual(["/a", "/b"]);
    const self = imageOf({ "bin/sh": "x", c: "#!/bin/sh\n/c\n. /c\n" }, { Cmd: ["/c"] });
    expect(self.pathsOf(await predictStartup(self))).toEqual(["/c"]);
  });

  it("ends with what it has when a rule fails on an odd image", async () => {
    const image = imageOf({ "bin/a": "#!/bin/sh\n", "bin/sh": "x" }, { Cmd: ["a"] });
    const sizeBytes = new Proxy(image.tree.sizeBytes, {
      get: () => {
        throw new RangeError("Maximum call stack size exceeded");
      },
    });
    expect(await predictStartup({ ...image, tree: { ...image.tree, sizeBytes } })).toEqual([]);
  });

  it("predicts a main script with a string of millions of names that it may require", async () => {
    const script = `"a${"/a".repeat(7_000_000)}"; require(x); "pkg"`;
    const image = imageOf(
      { "bin/node": "x", "app/a.js": script, "app/node_modules/pkg/index.js": "1" },
      { Cmd: ["node", "/app/a.js"] },
    );
    expect(image.pathsOf(await predictStartup(image))).toEqual(["/app/a.js", "/app/node_modules/pkg/index.js"]);
  });

  it("throws on what reading throws", async () => {
    const image = imageOf({ "bin/a": "x" }, { Cmd: ["a"] });
    const broken = { ...image, read: () => Promise.reject(new Error("disk")) };
    await expect(predictStartup(broken)).rejects.toThrow("disk");
  });
});
