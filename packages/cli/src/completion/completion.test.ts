import { Command, Option } from "commander";
import { describe, expect, it } from "vitest";
import { runMain } from "../testing/run-main.js";
import { wordsOf } from "./words.js";

function smallProgram(): Command {
  const program = new Command("sluice").addOption(
    new Option("-o, --output <format>", "form").choices(["table", "json"]),
  );
  program.command("mount").description("mount it").option("--writable", "may be written");
  program.command("store").command("df").description("what is used");
  return program;
}

describe("the words of a completion script", () => {
  it("are every command by its path, with its own flags and those from above", () => {
    const tree = wordsOf(smallProgram());
    expect(tree.map(({ path }) => path)).toEqual(["", "mount", "store", "store df"]);
    const mount = tree.find(({ path }) => path === "mount");
    expect(mount?.flags).toEqual([
      { word: "--writable", short: undefined, description: "may be written", takesValue: false, choices: [] },
      { word: "--output", short: "o", description: "form", takesValue: true, choices: ["table", "json"] },
    ]);
    expect(tree.find(({ path }) => path === "store")?.commands.map(({ word }) => word)).toContain("df");
  });
});

describe("sluice completion", () => {
  it.each(["bash", "zsh", "fish"])("prints a script for %s that names every verb", async (shell) => {
    const { exitCode, stdout, stderr } = await runMain(["completion", shell]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    for (const word of ["serve", "config", "completion", "listen"]) expect(stdout).toContain(word);
  });

  it("knows no other shells", async () => {
    const { exitCode, stderr } = await runMain(["completion", "csh"]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("Allowed choices are bash, zsh, fish");
  });
});
