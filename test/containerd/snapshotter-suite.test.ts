import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { missingPrograms } from "@sluice/oci/testing";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);
const suite = fileURLToPath(new URL("./suite", import.meta.url));
const program = fileURLToPath(new URL("../../packages/cli/bin/sluice.js", import.meta.url));
/** Daemons at once. */
const parallel = 4;

interface TestResult {
  readonly name: string;
  readonly outcome: "PASS" | "FAIL" | "SKIP";
}

/** Builds the suite, which Go's cache makes short the second time, and runs it. */
async function runSuite(): Promise<{ readonly results: readonly TestResult[]; readonly output: string }> {
  const scratch = await mkdtemp(join(tmpdir(), "sluice-suite-"));
  try {
    const binary = join(scratch, "suite.test");
    await run("go", ["test", "-c", "-o", binary, "."], { cwd: suite, maxBuffer: 64e6 });
    const args = ["-test.v", `-test.parallel=${parallel}`, "-test.timeout=5m"];
    const env = { ...process.env, SLUICE_COMMAND: `${process.execPath} ${program}`, TMPDIR: scratch };
    const ended = await run(binary, args, { cwd: suite, env, maxBuffer: 256e6 }).catch(
      (error: { readonly stdout: string; readonly stderr: string }) => error, // a test failed: its lines say which
    );
    const output = ended.stdout + ended.stderr;
    const lines = output.matchAll(/^ +--- (PASS|FAIL|SKIP): TestSnapshotter\/(\S+)/gm);
    return { results: [...lines].map(([, outcome, name]) => ({ name, outcome }) as TestResult), output };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const missing = missingPrograms({ go: "golang" });
const { results, output } = missing === "" ? await runSuite() : { results: [], output: "" };

describe.skipIf(missing !== "")(`containerd's own suite of snapshotters ${missing}`, () => {
  it("ran, all 21 tests of it", () => {
    expect(results.length, output.slice(-3000)).toBe(21);
  });
  it.each(results.map(({ name, outcome }) => [name, outcome]))("%s", (name, outcome) => {
    const [, after = ""] = output.split(`=== NAME  TestSnapshotter/${name}`);
    expect(outcome, after.slice(0, 5000)).toBe("PASS");
  });
});
