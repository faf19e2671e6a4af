import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanPythonImports } from "./scan-imports.js";

/** Statements in short: `a.b`, `..m:x,y`, with `?` in front of fallbacks. */
const imports = (text: string): string[] =>
  scanPythonImports(text).map(({ level, module, names, isFallback }) => {
    const from = level === -1 ? "" : `${".".repeat(level)}${module}:`;
    return `${isFallback ? "?" : ""}${from}${names.join(",")}`;
  });

describe("scanPythonImports", () => {
  it("reads every form of the statement", () => {
    expect(
      imports(
        "import a.b, c as d\nfrom x import y\nfrom . import z as w\nfrom ..m.n import (\n  p, # why\n  q,\n)\nfrom .import r\n",
      ),
    ).toEqual(["a.b,c", "x:y", ".:z", "..m.n:p,q", ".:r"]);
  });

  it("reads those in branches, in classes and behind semicolons", () => {
    expect(
      imports(
        "if x:\n  import a\nelse:\n  import b\nclass C:\n  import c\nimport d; import e\ntry: import f\nfinally: pass",
      ),
    ).toEqual(["a", "b", "c", "d", "e", "f"]);
  });

  it("leaves out functions, whatever stands between their lines, and what only type checkers and main programs run", () => {
    const text = `def f():\n  import a\n\n  import b\n  def g(): pass\n  import c\nasync def h():\n  import d\nif TYPE_CHECKING:\n  import e\nif __name__ == "__main__":\n\n  import f\nimport z\n`;
    expect(imports(text)).toEqual(["z"]);
  });

  it("knows which ones stand in for others", () => {
    expect(imports("try:\n  import a\nexcept ImportError:\n  import b\n  if x:\n    import c\nimport d\n")).toEqual([
      "a",
      "?b",
      "?c",
      "d",
    ]);
  });

  it("leaves out strings and comments", () => {
    expect(
      imports(
        `"""\nimport a\n\\""" import b\n"""\nx = 'import c' # import d\ny = """import e"""\n'''\nimport f'''\nimport z`,
      ),
    ).toEqual(["z"]);
  });

  it("gives a list for any text", () => {
    const piece = fc.constantFrom(
      '"""',
      "'''",
      "import ",
      "from ",
      ".",
      "a",
      "(",
      ")",
      "\\",
      "\n",
      "  ",
      "def ",
      "except:",
      "#",
      ";",
      ":",
      ",",
      '"',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
        for (const { names } of scanPythonImports(pieces.join(""))) expect(names).not.toContain("");
      }),
    );
  });

  it("ends strings at their quote or their line, whatever is escaped in them", () => {
    expect(imports('a = "\\"; import a"\nimport b\nc = "open\nimport d\ne = \'\\\nimport f\'\nimport g')).toEqual([
      "b",
      "d",
      "g",
    ]);
  });

  it("reads strings of millions of characters in one line", () => {
    const long = "x".repeat(15_000_000);
    expect(imports(`a = "${long}"\nb = '${"\\x".repeat(7_000_000)}' # ${long}\nimport c`)).toEqual(["c"]);
  });

  it("takes time in proportion to its text, whatever the text", () => {
    const started = performance.now();
    for (const piece of ["from .", "import ", '"""', "(", "\\\n", "except\n", "'''\\"])
      scanPythonImports(piece.repeat(200_000));
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
