import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { main } from "../main.js";
import { createTestWorld, type TestWorld } from "../testing/run-main.js";
import { merged, valueAt, withValue } from "./config-tree.js";
import { dataRootOf } from "./data-root.js";
import { variableOf } from "./environment.js";
import { loadSettings } from "./settings.js";

const writeConfig = async (world: TestWorld, text: string): Promise<string> => {
  const path = join(world.folder, "config/sluice/config.yaml");
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
  return path;
};
const load = (world: TestWorld, tree = {}, config?: string) => loadSettings({ config, tree }, world.surroundings);

describe("settings", () => {
  it("come from the file, over it the environment, over it the command line", async () => {
    await using world = await createTestWorld({ SLUICE_REGISTRY: "env:5000", SLUICE_LOG_LEVEL: "error" });
    const path = await writeConfig(world, "defaults:\n  registry: file:5000\nlog:\n  level: info\nroot: /srv/sluice\n");
    const settings = await load(world, { log: { level: "debug" } });
    expect(settings).toMatchObject({
      root: "/srv/sluice",
      defaultRegistry: "env:5000",
      logLevel: "debug",
      configPath: path,
    });
    const origins = [["root"], ["defaults", "registry"], ["log", "level"], ["serve", "listen"]].map(settings.originOf);
    expect(origins).toEqual([path, "environment", "command line", undefined]);
  });

  it("take an empty variable for none", async () => {
    await using world = await createTestWorld({ SLUICE_REGISTRY: "" });
    expect((await load(world)).defaultRegistry).toBeUndefined();
  });

  it("read the file that is named instead of the user's", async () => {
    await using world = await createTestWorld();
    await writeConfig(world, "root: /srv/user\n");
    await writeFile(join(world.folder, "mine.yaml"), "# nothing\n");
    expect((await load(world, {}, "mine.yaml")).root).toBe(join(world.folder, "data/sluice"));
    await expect(load(world, {}, "absent.yaml")).rejects.toThrow("--config absent.yaml: no such file");
  });

  it.each([
    ["root: /a\ndefaults:\n  registri: x\n", /config\.yaml:3: defaults\.registri: unknown key/],
    ["a: 1\nb: 2\n", /config\.yaml:1: a: unknown key; .*config\.yaml:2: b: unknown key/],
    ["\nlog:\n  level: loud\n", /config\.yaml:3: log\.level: .*"trace"/],
    ["root: [\n", /config\.yaml:\d: /],
    ["root: /a\nroot: /b\n", /config\.yaml:2: .*unique/],
    ["- a\n", /config\.yaml:1: expected keys and values/],
  ])("refuse %j, naming the line", async (text, message) => {
    await using world = await createTestWorld();
    await writeConfig(world, text);
    await expect(load(world)).rejects.toThrow(message);
    expect(await main(["config", "show"], world.surroundings)).toBe(2);
  });

  it("refuse a variable out of range, naming it", async () => {
    await using world = await createTestWorld({ SLUICE_LOG_LEVEL: "loud" });
    await expect(load(world)).rejects.toThrow(/SLUICE_LOG_LEVEL=loud: /);
  });

  it("name variables after keys", () => {
    expect([["root"], ["store", "budget"], ["defaults", "registry"], ["a", "maxSize"]].map(variableOf)).toEqual([
      "SLUICE_ROOT",
      "SLUICE_STORE_BUDGET",
      "SLUICE_REGISTRY",
      "SLUICE_A_MAX_SIZE",
    ]);
  });
});

describe("the data root", () => {
  it("is the system's for root, the user's for others, and relative to the working folder when named so", async () => {
    await using world = await createTestWorld();
    const { surroundings, folder } = world;
    expect(dataRootOf(undefined, { ...surroundings, isRoot: true })).toBe("/var/lib/sluice");
    expect(dataRootOf(undefined, surroundings)).toBe(join(folder, "data/sluice"));
    expect(dataRootOf(undefined, { ...surroundings, environment: { XDG_DATA_HOME: "relative" } })).toBe(
      join(folder, ".local/share/sluice"),
    );
    expect(dataRootOf("here", surroundings)).toBe(join(folder, "here"));
  });
});

describe("trees", () => {
  it("merge branch by branch and never change what they were made of", () => {
    const lower = { a: { b: 1, c: 2 }, d: 3 };
    expect(merged(lower, { a: { b: 9 }, e: 4 })).toEqual({ a: { b: 9, c: 2 }, d: 3, e: 4 });
    expect(withValue(lower, ["a", "b"], 7)).toEqual({ a: { b: 7, c: 2 }, d: 3 });
    expect(lower).toEqual({ a: { b: 1, c: 2 }, d: 3 });
  });

  it("hold nothing that was not put there", () => {
    expect(valueAt({}, ["constructor"])).toBeUndefined();
    expect(valueAt({ a: 1 }, ["a", "b"])).toBeUndefined();
  });
});

describe("config set", () => {
  it("writes the user's file, keeps comments, and removes what is set to nothing", async () => {
    await using world = await createTestWorld();
    const path = await writeConfig(world, "# ours\nlog:\n  level: info # quiet\n");
    const set = (...assignments: string[]) => main(["config", "set", ...assignments], world.surroundings);
    expect(await set("defaults.registry=127.0.0.1:5000", "serve.listen=:0", "log.level=")).toBe(0);
    const text = await readFile(path, "utf8");
    expect(text).toContain("# ours");
    expect(text).toMatch(/defaults:\n {2}registry: 127\.0\.0\.1:5000\nserve:\n {2}listen: :0\n$/);
    expect((await load(world)).logLevel).toBeUndefined();
    expect(await readdir(join(path, ".."))).toEqual(["config.yaml"]);
  });

  it("makes the file when there is none", async () => {
    await using world = await createTestWorld();
    expect(await main(["config", "set", "serve.listen=:0", "-o", "json"], world.surroundings)).toBe(0);
    expect(JSON.parse(world.stdout.text)).toEqual({
      file: join(world.folder, "config/sluice/config.yaml"),
      keys: ["serve.listen"],
    });
    expect((await load(world)).tree).toEqual({ serve: { listen: ":0" } });
  });

  it.each(["nonsense=1", "log.level=loud", "log=1", "=1"])(
    "refuses %s and leaves the file as it was",
    async (assignment) => {
      await using world = await createTestWorld();
      const path = await writeConfig(world, "root: /srv\n");
      expect(await main(["config", "set", assignment], world.surroundings)).toBe(2);
      expect(await readFile(path, "utf8")).toBe("root: /srv\n");
    },
  );
});

describe("config show", () => {
  it("tells every key that is set and who set it", async () => {
    await using world = await createTestWorld({ SLUICE_REGISTRY: "r.example" });
    expect(await main(["config", "show", "-o", "json"], world.surroundings)).toBe(0);
    expect(JSON.parse(world.stdout.text)).toEqual({
      root: join(world.folder, "data/sluice"),
      file: null,
      keys: [{ key: "defaults.registry", value: "r.example", origin: "environment" }],
    });
  });

  it("hides the password of a URL", async () => {
    await using world = await createTestWorld({
      SLUICE_SERVE_STORAGE_POSTGRES: "postgres://sluice:s3cret@db/sluice",
      SLUICE_SERVE_STORAGE_S3_BUCKET: "blobs",
    });
    expect(await main(["config", "show"], world.surroundings)).toBe(0);
    expect(world.stdout.text).toContain("postgres://sluice:***@db/sluice");
    await using wrong = await createTestWorld({ SLUICE_SERVE_STORAGE_POSTGRES: "mysql://sluice:s3cret@db/sluice" });
    expect(await main(["config", "show"], wrong.surroundings)).toBe(2);
    expect(wrong.stderr.text).toContain("mysql://sluice:***@db/sluice");
    expect(world.stdout.text + wrong.stderr.text).not.toContain("s3cret");
    await using half = await createTestWorld({ SLUICE_SERVE_STORAGE_POSTGRES: "postgres://db/sluice" });
    expect(await main(["serve"], half.surroundings)).toBe(2);
    expect(half.stderr.text).toContain("set s3.bucket, too");
  });
});
