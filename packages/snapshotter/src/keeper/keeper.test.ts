import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runKeeper } from "./keeper.js";
import type { KeeperPlan, KeptDaemon } from "./keeper-plan.js";

describe("a keeper", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keeper-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A shell script in the daemon's place; descriptor 3 is its link. `$N` is which life it is. */
  const plan = (script: string, options: Partial<KeeperPlan> = {}): KeeperPlan => ({
    command: ["sh", "-c", `echo "$SLUICE_KEEPER" >> '${folder}/lives'; N=$(wc -l < '${folder}/lives'); ${script}`],
    commandFile: join(folder, "next"),
    mountpoint: join(folder, "fuse"),
    devices: 0,
    log: "stderr",
    ...options,
  });
  const lives = async (): Promise<KeptDaemon[]> =>
    (await readFile(join(folder, "lives"), "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as KeptDaemon); // the script writes what it was given

  it("ends with a daemon that says that it ends, with its exit code", async () => {
    expect(await runKeeper(plan("echo serving >&3; echo ending >&3; exit 3"))).toBe(3);
    expect(await lives()).toHaveLength(1);
  });

  it("passes on why a first daemon could not begin", async () => {
    expect(await runKeeper(plan("exit 5"))).toBe(5);
    expect(await lives()).toHaveLength(1);
  });

  it("starts the next daemon on the same descriptors when one dies, however it died", async () => {
    const script = `echo serving >&3; [ $N = 1 ] && kill -9 $$; [ $N = 2 ] && exit 1; echo ending >&3`;
    expect(await runKeeper(plan(script))).toBe(0);
    const all = await lives();
    expect(all).toHaveLength(3);
    expect(new Set(all.map(({ token }) => token)).size).toBe(1);
    expect(all[0]).toMatchObject({ pid: process.pid, devices: 0, log: "stderr" });
  });

  it("takes other descriptors when a daemon says that these are spoiled", async () => {
    await runKeeper(plan("[ $N = 1 ] && { echo serving >&3; echo spoiled >&3; kill -9 $$; }; echo ending >&3"));
    const [first, second] = await lives();
    expect(first?.token).not.toBe(second?.token);
  });

  it("gives up when no daemon serves for as long as it was told to be patient", async () => {
    const started = performance.now();
    expect(await runKeeper(plan("[ $N = 1 ] && echo serving >&3; exit 1", { patienceMs: 400 }))).toBe(1);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect((await lives()).length).toBeGreaterThan(3);
  });

  it("ends alone at SIGTERM when it is to leave, and the daemon goes on, hearing that the link is closed", async () => {
    const script = `echo serving >&3; touch '${folder}/heard'; cat <&3; touch '${folder}/went-on'`;
    const keeping = runKeeper(plan(script, { onTerm: "leave" }));
    await expect.poll(() => existsSync(join(folder, "heard")), { timeout: 10_000 }).toBe(true);
    process.kill(process.pid, "SIGTERM");
    expect(await keeping).toBe(0);
    await expect.poll(() => existsSync(join(folder, "went-on")), { timeout: 10_000 }).toBe(true);
  });

  it.each(["leave", "stop"] as const)(
    "ends with 0, and its daemon, at SIGTERM before one served: %s",
    async (onTerm) => {
      const keeping = runKeeper(plan(`touch '${folder}/heard'; exec sleep 60`, { onTerm }));
      await expect.poll(() => existsSync(join(folder, "heard")), { timeout: 10_000 }).toBe(true);
      process.kill(process.pid, "SIGTERM");
      expect(await keeping).toBe(0);
      expect(await lives()).toHaveLength(1);
    },
  );

  it("leaves a daemon that serves just when it is told to stop because none did", async () => {
    const script = `trap 'echo serving >&3' TERM; touch '${folder}/heard'; while [ -e '${folder}/lives' ]; do sleep 0.05; done`;
    const keeping = runKeeper(plan(script, { onTerm: "leave" }));
    await expect.poll(() => existsSync(join(folder, "heard")), { timeout: 10_000 }).toBe(true);
    process.kill(process.pid, "SIGTERM");
    expect(await keeping).toBe(0);
  });

  it("leaves only a daemon that serves: the next one needs its descriptors", async () => {
    const waits = `while ! [ -e '${folder}/told' ]; do sleep 0.05; done`;
    const second = `touch '${folder}/2'; ${waits}; echo serving >&3; cat <&3`;
    const keeping = runKeeper(plan(`[ $N = 1 ] && { echo serving >&3; exit 1; }; ${second}`, { onTerm: "leave" }));
    await expect.poll(() => existsSync(join(folder, "2")), { timeout: 10_000 }).toBe(true);
    process.kill(process.pid, "SIGTERM");
    await writeFile(join(folder, "told"), "");
    expect(await keeping).toBe(0);
    expect(await lives()).toHaveLength(2);
  });

  it("starts the command that was left for it at SIGHUP, and the earlier one when that does not serve", async () => {
    await writeFile(join(folder, "next"), JSON.stringify(["sh", "-c", `echo new >> '${folder}/new'; exit 1`]));
    const first = `sleep 0.3; touch '${folder}/heard'; exec sleep 60`; // by then the keeper has heard that it serves
    const keeping = runKeeper(plan(`echo serving >&3; [ $N = 2 ] && { echo ending >&3; exit 4; }; ${first}`));
    await expect.poll(() => existsSync(join(folder, "heard")), { timeout: 10_000 }).toBe(true);
    process.kill(process.pid, "SIGHUP");
    expect(await keeping).toBe(4);
    expect((await readFile(join(folder, "new"), "utf8")).trim().split("\n")).toEqual(["new", "new"]);
  });
});
