import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanRequires } from "./scan-requires.js";

const specifiers = (text: string): readonly string[] => scanRequires(text).specifiers;

describe("scanRequires", () => {
  it("finds the calls in the order of the text", () => {
    expect(
      specifiers(`var a = require("a"), b = require('./b')(1); __export(require(\`c\`)); if (x) { require("d") }`),
    ).toEqual(["a", "./b", "c", "d"]);
  });

  it("leaves out comments, strings, templates, regular expressions and members", () => {
    expect(
      specifiers(
        `// require("a")\n/* require("b") */ "require('c')"; \`require("d") \${1}\`; x = /require("e")/; m.require("f"); y = a / b / require("g")`,
      ),
    ).toEqual(["g"]);
  });

  it("finds what stands in the substitution of a template", () => {
    expect(specifiers(`\`\${require("a")} require("b")\`; require("c")`)).toEqual(["a", "c"]);
  });

  it("takes the bodies of functions, methods and arrows for code that may never run", () => {
    const text = `function f() { require("a") } const g = () => { require("b") }, h = () => require("c"); class D { m() { require("d") } }
      Object.defineProperty(exports, "e", { enumerable: true, get: function () { return require("e") } }); require("z")`;
    const scan = scanRequires(text);
    expect(scan.specifiers).toEqual(["z"]);
    expect(scan.deferred).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("takes functions that are called where they stand for code that runs", () => {
    expect(
      specifiers(`(function () { require("a") })(); !function () { require("b") }(); (() => { require("c") })()`),
    ).toEqual(["a", "b", "c"]);
  });

  it("takes braces behind if, for, while, switch and catch for blocks", () => {
    const text = `if (a) { require("a") } else { require("b") } for (;;) { require("c") } while (x) { require("d") } try { require("e") } catch (e) { require("f") }`;
    expect(specifiers(text)).toEqual(["a", "b", "c", "d", "e", "f"]);
  });

  it("tells a division from a regular expression with a quote in it", () => {
    expect(
      specifiers(`a = b / 2; c = x.replace(/"/g, ""); if (/['"]/.test(d)) require("a"); e = (1) / 2; require("b")`),
    ).toEqual(["a", "b"]);
  });

  it("says that something is required that is no literal", () => {
    expect(scanRequires("for (const name of names) require(name)").hasComputed).toBe(true);
    expect(scanRequires(`require("a" + b)`)).toMatchObject({ hasComputed: true, specifiers: [] });
    expect(scanRequires("function f() { require(name) }").hasComputed).toBe(false);
  });

  it("ends for any text", () => {
    const piece = fc.constantFrom(
      "require(",
      "'a'",
      '"',
      "`",
      "${",
      "}",
      "{",
      "(",
      ")",
      "/",
      "[",
      "]",
      "\\",
      "\n",
      "=>",
      "function",
      " ",
      "*",
      "return",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
        const text = pieces.join("");
        for (const specifier of specifiers(text)) expect(text).toContain(specifier);
      }),
    );
  });

  it("takes time in proportion to its text, whatever the text", () => {
    const started = performance.now();
    for (const piece of ["=/[", "require(", "`${", "((((", "'\\", "/*", "}/"]) scanRequires(piece.repeat(300_000));
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
