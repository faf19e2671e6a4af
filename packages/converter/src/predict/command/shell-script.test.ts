import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commandsOfLine, linesOf } from "./shell-script.js";

function commandsOf(
  text: string,
  args: readonly string[] = ["script"],
  set: Readonly<Record<string, string>> = {},
): unknown {
  const variables = new Map(Object.entries(set));
  return linesOf(text).flatMap((line) => commandsOfLine(line, args, variables));
}

describe("the commands of a shell script", () => {
  it("are the words between operators, behind what may stand before a command", () => {
    expect(commandsOf("if true; then exec a \"b c\" 'd'; fi && x=1 y # z")).toEqual([
      ["true"],
      ["a", "b c", "d"],
      ["fi"],
      ["y"],
    ]);
  });

  it("have known variables, defaults and arguments put in", () => {
    const text = `DIR=$HOME/app\nexec "$DIR/run" \${MODE:-fast} $1 "$@"`;
    expect(commandsOf(text, ["s", "one", "two words"], { HOME: "/h" })).toEqual([
      ["/h/app/run", "fast", "one", "one", "two words"],
    ]);
  });

  it("keep what is set, unless it is added to", () => {
    expect(commandsOf("A=other\nrun $A\nA=$A:more\nrun $A", ["s"], { A: "given" })).toEqual([
      ["run", "given"],
      ["run", "given:more"],
    ]);
  });

  it("do not hold what stands for failures, but what depends on a test", () => {
    expect(commandsOf("cp a b || die\n[ -f x ] || init x")).toEqual([
      ["cp", "a", "b"],
      ["[", "-f", "x", "]"],
      ["init", "x"],
    ]);
  });

  it("hold those of command substitutions first", () => {
    expect(commandsOf('eval exec "\\"$JAVA\\"" `dirname x` $(pwd)', ["s"], { JAVA: "/bin/java" })).toEqual([
      ["dirname", "x"],
      ["pwd"],
      ["/bin/java", "`dirname x`", "$(pwd)"],
    ]);
  });

  it("are those of lines joined by backslashes", () => {
    expect(commandsOf("a \\\n  b")).toEqual([["a", "b"]]);
  });

  it("are some list for any text", () => {
    const piece = fc.constantFrom(
      "$(",
      ")",
      "`",
      '"',
      "'",
      "${",
      "}",
      "\\",
      "|",
      "&",
      ";",
      "\n",
      "#",
      "<<",
      "exec ",
      "A=",
      "$A",
      `\${A:-`,
      " x",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        expect(Array.isArray(commandsOf(pieces.join("")))).toBe(true);
      }),
    );
  });
});
