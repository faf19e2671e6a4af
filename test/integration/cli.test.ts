import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { openRepository, parseReference, RegistryClient } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { sluice, sluiceJson } from "../support/sluice.js";
import { pushSmallImage } from "../support/small-image.js";

const run = promisify(execFile);
const program = new URL("../../packages/cli/bin/sluice.js", import.meta.url).pathname;

describe("the program", () => {
  it("answers what needs no work at once", async () => {
    const startedAt = performance.now();
    const { code, stdout } = await sluice(["--version"]);
    expect([code, /^\d+\.\d+\.\d+\n$/.test(stdout)]).toEqual([0, true]);
    // 150 ms on a quiet machine; here others work, too.
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  it("tells errors by exit code and in the form that was asked for", async () => {
    const usage = await sluice(["mounts", "--nonsense", "-o", "json"]);
    expect([usage.code, usage.stdout]).toEqual([2, ""]);
    expect(JSON.parse(usage.stderr)).toMatchObject({ error: { code: "USAGE" } });
    const reference = await sluice(["referrers", "no spaces allowed"]);
    expect([reference.code, reference.stderr.split("\n").length]).toEqual([2, 2]);
    const unreachable = await sluice(["referrers", "127.0.0.1:1/app", "-o", "json"]);
    expect([unreachable.code, unreachable.stdout]).toEqual([1, ""]);
    expect((JSON.parse(unreachable.stderr) as { error: { message: string } }).error.message).toContain("127.0.0.1:1");
  });

  it("does not complain when nobody reads on", async () => {
    const child = spawn(process.execPath, [program, "completion", "bash"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (bytes: Buffer) => {
      stderr += bytes.toString();
    });
    const [code] = (await once(child, "close")) as [number | null];
    expect([code, stderr]).toEqual([0, ""]);
  });

  it("stops at Ctrl-C with 130", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo; // it listens on TCP
    const child = spawn(process.execPath, [program, "convert", `127.0.0.1:${port}/never:1`, "-o", "json"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = once(child, "close");
    await once(silent, "connection");
    child.kill("SIGINT");
    expect(JSON.parse(await text(child.stderr))).toMatchObject({ error: { code: "INTERRUPTED" } });
    expect((await ended)[0]).toBe(130);
    silent.close();
  });

  it("completes words in bash", async () => {
    const { stdout: script } = await sluice(["completion", "bash"]);
    const folder = await mkdtemp(join(tmpdir(), "sluice-completion-"));
    await writeFile(join(folder, "sluice.bash"), script);
    const complete = async (...words: readonly string[]): Promise<string[]> => {
      const { stdout } = await run("bash", [
        "-c",
        `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice; printf "%s\\n" "\${COMPREPLY[@]}"`,
        "bash",
        join(folder, "sluice.bash"),
        "sluice",
        ...words,
      ]);
      return stdout.split("\n").filter((line) => line !== "");
    };
    expect(await complete("conv")).toEqual(["convert"]);
    expect(await complete("daemon", "st")).toEqual(["start", "stop", "status"]);
    expect(await complete("mount", "--dr")).toEqual(["--driver"]);
    expect(await complete("mount", "--driver", "e")).toEqual(["erofs"]);
    expect(await complete("-o", "json", "daemon", "log")).toEqual(["logs"]);
    await rm(folder, { recursive: true });
  });
});

describe("an image from push to proof", () => {
  let registry: RunningRegistry;
  let root: string;
  beforeAll(async () => {
    registry = await startRegistry();
    root = await mkdtemp(join(tmpdir(), "sluice-cli-root-"));
    await using client = new RegistryClient();
    const reference = parseReference(`${registry.host}/team/app:1`);
    await using repository = openRepository(reference, client);
    await pushSmallImage(repository, "1", {
      layers: [
        [{ name: "etc/greeting", content: "hello" }],
        [{ name: "data", content: Buffer.alloc(300_000, "data ") }],
      ],
    });
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });
  const json = (...args: readonly string[]) => sluiceJson(args, { SLUICE_ROOT: root, SLUICE_REGISTRY: registry.host });

  it("is converted once, listed, inspected and verified", async () => {
    const first = await json("convert", "team/app:1");
    expect(first).toMatchObject({
      source: { reference: `${registry.host}/team/app:1` },
      artifact: { artifactType: "application/vnd.sluice.image.v1" },
      layers: [{ reused: false }, { reused: false }],
    });
    const { artifact } = first as { artifact: { digest: string } };
    expect(await json("convert", "team/app:1")).toMatchObject({
      artifact,
      layers: [{ reused: true }, { reused: true }],
    });
    expect(await json("referrers", "team/app:1")).toMatchObject({ referrers: [{ digest: artifact.digest }] });
    expect(await json("referrers", "team/app:1", "--artifact-type", "other")).toMatchObject({ referrers: [] });
    expect(await json("inspect", "team/app:1")).toMatchObject({ artifact: { digest: artifact.digest } });
    expect(await json("verify", "team/app:1")).toMatchObject({
      ok: true,
      layers: [{ ok: true }, { ok: true }],
      problems: [],
    });
  });

  it("goes into a layout with its artifact, and back", async () => {
    const layout = `oci:${join(root, "layout")}`;
    const there = await json("convert", "team/app:1", "--to", `${layout}:1`);
    const back = await json("convert", `${layout}:1`, "--to", "copied:1");
    expect(back["artifact"]).toEqual(there["artifact"]);
    expect(await json("verify", "copied:1")).toMatchObject({ ok: true });
  });

  it("is not there when it is not, and the error says where it was looked for", async () => {
    const env = { SLUICE_ROOT: root, SLUICE_REGISTRY: registry.host };
    const { code, stderr } = await sluice(["convert", "team/app:2", "-o", "json"], env);
    expect(code).toBe(1);
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string } };
    expect(error.message).toContain("team/app");
    expect(error.code).toMatch(/NOT_FOUND/);
  });
});
