import { describe, expect, it } from "vitest";
import { imageOf, type TestFile } from "../../testing/image-of.js";
import { predictStartup } from "../predict-startup.js";

async function predicted(files: Readonly<Record<string, TestFile>>, config = {}): Promise<string[]> {
  const image = imageOf({ "usr/bin/node": "x", ...files }, { Cmd: ["node", "/app/main.js"], ...config });
  return image.pathsOf(await predictStartup(image));
}

describe("the prediction of a Node program", () => {
  it("finds modules by extension, in folders, through main and in the nearest node_modules", async () => {
    const paths = await predicted({
      "app/main.js": `require("./file"); require("./folder"); require("./data"); require("a"); require("@scope/b/sub")`,
      "app/file.js": "1",
      "app/folder/index.js": "1",
      "app/data.json": "{}",
      "node_modules/a/package.json": `{"main": "./lib/start"}`,
      "node_modules/a/lib/start.js": `require("c")`,
      "node_modules/a/node_modules/c/index.js": "1",
      "node_modules/c/index.js": "1",
      "app/node_modules/@scope/b/sub.js": "1",
    });
    expect(paths).toEqual([
      "/app/main.js",
      "/app/file.js",
      "/app/folder/index.js",
      "/app/data.json",
      "/node_modules/a/package.json",
      "/node_modules/a/lib/start.js",
      "/node_modules/a/node_modules/c/index.js",
      "/app/node_modules/@scope/b/sub.js",
    ]);
  });

  it("holds every package.json on the way to a module, also to one that is loaded already", async () => {
    const paths = await predicted({
      "app/main.js": `require("./lib/part"); require("./part")`,
      "app/lib/part.js": "1",
      "app/part/package.json": `{"main": "../lib/part.js"}`,
    });
    expect(paths).toEqual(["/app/main.js", "/app/lib/part.js", "/app/part/package.json"]);
  });

  it("follows exports for require and for import, and imports of the package itself", async () => {
    const exports = { ".": { import: "./esm.mjs", require: "./cjs.cjs" } };
    const paths = await predicted({
      "app/main.js": `import a from "a"; export * from "#own"; const later = () => import("later")`,
      "app/package.json": JSON.stringify({ type: "module", imports: { "#own": "./own.cjs" } }),
      "app/own.cjs": `require("a"); require("fs"); require("node:path")`,
      "app/node_modules/a/package.json": JSON.stringify({ exports }),
      "app/node_modules/a/esm.mjs": "export default 1",
      "app/node_modules/a/cjs.cjs": "1",
      "app/node_modules/later/index.js": "1",
      "app/node_modules/fs/index.js": "1",
    });
    expect(paths).toEqual([
      "/app/package.json",
      "/app/main.js",
      "/app/node_modules/a/package.json",
      "/app/node_modules/a/esm.mjs",
      "/app/own.cjs",
      "/app/node_modules/a/cjs.cjs",
    ]);
  });

  it("takes the build for production or the one for development, as NODE_ENV says", async () => {
    const files = {
      "app/main.js": `if (process.env.NODE_ENV === "production") module.exports = require("./x.production.js"); else module.exports = require("./x.development.js")`,
      "app/x.production.js": "1",
      "app/x.development.js": "1",
    };
    expect(await predicted(files, { Env: ["NODE_ENV=production"] })).toEqual(["/app/main.js", "/app/x.production.js"]);
    expect(await predicted(files)).toEqual(["/app/main.js", "/app/x.development.js"]);
  });

  it("tries the names of a main script that requires what it computes", async () => {
    const paths = await predicted({
      "app/main.js": `for (const name of ["a", "not there"]) require(name)`,
      "app/node_modules/a/index.js": `for (const name of ["b"]) require(name)`,
      "app/node_modules/b/index.js": "1",
    });
    expect(paths).toEqual(["/app/main.js", "/app/node_modules/a/index.js"]);
  });

  it("holds what is preloaded, and skips options", async () => {
    const config = { Cmd: ["node", "--max-old-space-size=100", "-r", "./pre", "main"], WorkingDir: "/app" };
    expect(await predicted({ "app/pre.js": "1", "app/main.js": "1" }, config)).toEqual(["/app/pre.js", "/app/main.js"]);
  });

  it("ends where going through what a package exports was done too often", async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `f${i}`);
    const files = names.map((name): [string, string] => [`app/node_modules/p/${name}.js`, "1"]);
    const json = JSON.stringify({ exports: { "./*": "./*.js" }, padding: "x".repeat(1_000_000) });
    const image = imageOf(
      {
        "bin/node": "x",
        "app/a.js": names.map((name) => `require("p/${name}")`).join("\n"),
        "app/node_modules/p/package.json": json,
        ...Object.fromEntries(files),
      },
      { Cmd: ["node", "/app/a.js"] },
    );
    const blocks = (await predictStartup(image)).reduce((sum, run) => sum + run.blocks, 0);
    expect(blocks).toBeGreaterThan(300);
    expect(blocks).toBeLessThan(1000);
  });
});
