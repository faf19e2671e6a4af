import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resolveExports } from "./package-exports.js";

const conditions = new Set(["node", "require", "default"]);
const resolve = (exports: unknown, subpath = "."): string | undefined => resolveExports(exports, subpath, conditions);

describe("resolveExports", () => {
  it("takes a string, or the first condition that holds", () => {
    expect(resolve("./a.js")).toBe("./a.js");
    expect(resolve({ import: "./a.mjs", require: { browser: "./b.js", default: "./c.js" }, default: "./d.js" })).toBe(
      "./c.js",
    );
    expect(resolve([{ import: "./a.mjs" }, "./b.js"])).toBe("./b.js");
  });

  it("finds subpaths by name, by the longest pattern, and in whole folders", () => {
    const exports = {
      ".": "./main.js",
      "./a": "./lib/a.js",
      "./*": "./any/*.js",
      "./deep/*": "./d/*.js",
      "./old/": "./old/",
    };
    expect(resolve(exports, "./a")).toBe("./lib/a.js");
    expect(resolve(exports, "./x")).toBe("./any/x.js");
    expect(resolve(exports, "./deep/x/y")).toBe("./d/x/y.js");
    expect(resolve({ "./old/": "./folder/" }, "./old/x.js")).toBe("./folder/x.js");
  });

  it("gives nothing for what is not exported", () => {
    expect(resolve({ "./a": "./a.js" })).toBeUndefined();
    expect(resolve({ "./a": null }, "./a")).toBeUndefined();
    expect(resolve({ import: "./a.mjs" })).toBeUndefined();
  });

  it("gives nothing for targets that are longer than paths, before or after the `*` are replaced", () => {
    expect(resolve({ "./*": `./${"*".repeat(4094)}` }, "./x")).toHaveLength(4096);
    expect(resolve({ "./*": `./${"*".repeat(4094)}` }, "./xyz")).toBeUndefined();
    expect(resolve({ "./*": "*".repeat(1_000_000) }, `./${"x".repeat(500)}`)).toBeUndefined();
    expect(resolve({ "./a": `./${"a".repeat(5000)}` }, "./a")).toBeUndefined();
    expect(resolve({ "./*": ["*".repeat(5000), "./b.js"] }, "./x")).toBe("./b.js");
  });

  it("never throws on what JSON can hold", () => {
    fc.assert(fc.property(fc.jsonValue(), fc.string(), (exports, subpath) => void resolve(exports, `./${subpath}`)));
  });
});
