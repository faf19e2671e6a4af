import { describe, expect, it } from "vitest";
import { AttachedKeeper } from "./attached-keeper.js";
import { isDaemonWord, keeperVariable, parseCommand } from "./keeper-plan.js";

describe("a daemon's keeper", () => {
  it("is none where no keeper started it", () => {
    expect(AttachedKeeper.fromEnvironment({})).toBeUndefined();
  });

  it("takes what tells of it out of the environment, so that no child believes to have one", () => {
    const env = { [keeperVariable]: undefined, OTHER: "1" };
    AttachedKeeper.fromEnvironment(env);
    expect(env).toEqual({ OTHER: "1" });
  });
});

describe("the words of a daemon", () => {
  it("are three", () => {
    expect(["serving", "ending", "spoiled", "", "serving "].filter(isDaemonWord)).toEqual([
      "serving",
      "ending",
      "spoiled",
    ]);
  });
});

describe("the command of the next daemon", () => {
  it("is a program and its arguments", () => {
    expect(parseCommand('["node","daemon"]')).toEqual(["node", "daemon"]);
  });

  it.each(["", "{}", "[]", "[1]", '["node",null]'])("is refused as %s", (text) => {
    expect(() => parseCommand(text)).toThrow();
  });
});
