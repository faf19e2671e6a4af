import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { main } from "./main.js";
import { createProgram } from "./program.js";
import { versionOfProgram } from "./program-version.js";
import { createTestWorld, runMain } from "./testing/run-main.js";

const everyVerb = (command: Command, path: readonly string[] = []): string[][] =>
  command.commands.flatMap((child) => {
    const own = [...path, child.name()];
    return [own, ...everyVerb(child, own)];
  });
const verbs = everyVerb(createProgram(() => async () => {}));

describe("the command line", () => {
  it("prints the version of the package on stdout", async () => {
    const outcome = await runMain(["--version"]);
    expect(outcome).toEqual({ exitCode: 0, stdout: `${versionOfProgram()}\n`, stderr: "" });
    expect(outcome.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("lists every verb in its help", async () => {
    const { exitCode, stdout } = await runMain(["--help"]);
    expect(exitCode).toBe(0);
    for (const [verb] of verbs) expect(stdout).toMatch(new RegExp(`^  ${verb}\\b`, "m"));
    expect(stdout).toContain("Examples:\n  sluice serve");
  });

  it.each(verbs)("shows an example in the help of %s %s", async (...verb) => {
    const words = verb.filter((word) => word !== undefined);
    const { exitCode, stdout, stderr } = await runMain([...words, "--help"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`Examples?:\\n  sluice ${words[0]}`));
    expect(stdout).toContain("--output <format>");
  });

  it("prints its help on stderr and ends with 2 when no verb is given", async () => {
    const { exitCode, stdout, stderr } = await runMain([]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(/^Usage: sluice/);
  });

  it.each([
    [["frobnicate"], /^sluice: unknown command 'frobnicate' \(see --help\)\n$/],
    [["serv"], /unknown command 'serv'; \(Did you mean serve\?\)/],
    [["serve", "--lisen", "x"], /unknown option '--lisen'; \(Did you mean --listen\?\)/],
    [["serve", "-o", "xml"], /argument 'xml' is invalid\. Allowed choices are table, json\./],
    [["serve", "--listen"], /option '--listen <host:port>' argument missing/],
    [["serve", "superfluous"], /too many arguments for 'serve'/],
    [["completion"], /missing required argument 'shell'/],
    [["config", "set", "defaults.registry"], /expected KEY=VALUE/],
  ])("ends with 2 and one line for %j", async (args, message) => {
    const { exitCode, stdout, stderr } = await runMain(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  it.each([
    [["-o", "json", "frobnicate"]],
    [["frobnicate", "-ojson"]],
    [["frobnicate", "--output=json"]],
    [["--output", "json"]],
    [["completion", "-o", "json"]],
  ])("tells wrong usage as JSON for %j", async (args) => {
    const { exitCode, stdout, stderr } = await runMain(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(JSON.parse(stderr)).toEqual({ error: { code: "USAGE", message: expect.any(String), detail: null } });
  });

  it("takes the shared flags before and behind the verb", async () => {
    const before = await runMain(["-o", "json", "--root", "here", "config", "show"]);
    const behind = await runMain(["config", "show", "--root", "here", "-o", "json"]);
    const rootOf = (text: string): unknown => (JSON.parse(text) as { root: string }).root.split("/").at(-1);
    expect([rootOf(before.stdout), rootOf(behind.stdout)]).toEqual(["here", "here"]);
  });

  it("shows a stack only when the log level is debug", async () => {
    await using world = await createTestWorld();
    await mkdir(join(world.folder, "config/sluice/config.yaml"), { recursive: true });
    expect(await main(["config", "show"], world.surroundings)).toBe(1);
    expect(world.stderr.text).not.toContain("    at ");
    await writeFile(join(world.folder, "c.yaml"), "");
    const args = ["config", "set", "--config", "c.yaml", "nonsense=1", "--log-level", "debug"];
    expect(await main(args, world.surroundings)).toBe(2);
    expect(world.stderr.text).toContain("    at ");
  });
});

describe("stopping", () => {
  it("ends with 130 when interrupted before the work began", async () => {
    await using world = await createTestWorld();
    const ended = main(["-o", "json", "config", "show"], world.surroundings);
    world.interrupt();
    expect(await ended).toBe(130);
    expect(JSON.parse(world.stderr.text)).toMatchObject({ error: { code: "INTERRUPTED" } });
    expect(world.forcedExits).toEqual([]);
  });

  it("ends the process at once at the second Ctrl-C", async () => {
    await using world = await createTestWorld();
    const ended = main(["config", "show"], world.surroundings);
    world.interrupt();
    world.interrupt();
    expect(world.forcedExits).toEqual([130]);
    await ended;
  });

  it("listens to nobody once it has ended", async () => {
    await using world = await createTestWorld();
    await main(["--version"], world.surroundings);
    world.interrupt();
    world.interrupt();
    expect(world.forcedExits).toEqual([]);
  });

  it("says nothing when whoever reads its output has gone", async () => {
    const closed = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })),
    });
    await using world = await createTestWorld({}, { stdout: closed });
    expect(await main(["config", "show", "-o", "json"], world.surroundings)).toBe(0);
    expect(world.stderr.text).toBe("");
  });
});
