import { tmpdir } from "node:os";
import { type Digest, sha256Of } from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TarInvalidError } from "../tar/errors.js";
import type { LayerScan, ScanJob } from "./layer-scanner.js";
import { ScannerFailedError, ScanThread } from "./scan-thread.js";
import { openTemporaryFile, type TemporaryFile } from "./temporary-file.js";
import { thrownError } from "./thrown-error.js";

// The thread's program is a few words here; the real one runs in test/integration.

const digest: Digest = sha256Of("layer");
let file: TemporaryFile;
beforeEach(async () => {
  file = await openTemporaryFile(tmpdir());
});
afterEach(() => file[Symbol.asyncDispose]());

const job = (): ScanJob => ({
  digest,
  diffId: digest,
  compression: "none",
  contents: file,
  spooledRecipe: file,
  recipe: file,
});

/** A thread that does this with every `message`; `answer` posts, `count` counts its messages. */
const threadThat = (does: string): ScanThread => {
  const code = `import { parentPort } from "node:worker_threads"; let count = 0;
    const answer = (message) => parentPort.postMessage(message);
    parentPort.on("message", (message) => { count++; ${does} });`;
  return new ScanThread(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
};

async function* pieces(count: number): AsyncGenerator<Buffer> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(256 * 1024, i);
}

async function* neverEnding(): AsyncGenerator<Buffer> {
  yield Buffer.alloc(10);
  await new Promise(() => undefined);
}

const answers = `if (message.kind === "piece") answer({ kind: "taken" });
  if (message.kind === "end") {
    answer({ kind: "scanned", tar: { tarBytes: count } });
    answer({ kind: "recipe", recipe: { sizeBytes: count } });
  }`;

describe("ScanThread", () => {
  it("gives what the thread finds, the recipe a while later, one layer after the other", async () => {
    await using thread = threadThat(answers);
    const scans = [thread.scan(job(), pieces(9)), thread.scan(job(), pieces(2))];
    expect(thread.scans).toBe(2);
    const [first, second] = await Promise.all(scans);
    expect([first?.tarBytes, second?.tarBytes]).toEqual([11, 15]); // one job, its pieces, one end; all in one thread
    expect((await second?.recipe)?.sizeBytes).toBe(15);
  });

  it("throws what the thread threw, and goes on with the next layer", async () => {
    const failed = JSON.stringify({ kind: "failed", error: thrownError(new TarInvalidError("bad", 512, '"a"')) });
    await using thread = threadThat(`if (count === 1) answer(${failed}); else { ${answers} }`);
    await expect(thread.scan(job(), neverEnding())).rejects.toThrow(TarInvalidError);
    expect((await thread.scan(job(), pieces(1))).tarBytes).toBeGreaterThan(2);
  });

  it("throws what the stream threw, whatever the thread makes of it", async () => {
    const failed = JSON.stringify({ kind: "failed", error: thrownError(new Error("it ends early")) });
    await using thread = threadThat(`if (message.kind === "end" && message.broken) answer(${failed});`);
    const reason = new Error("connection reset");
    const content = (async function* (): AsyncGenerator<Buffer> {
      yield Buffer.alloc(10);
      throw reason;
    })();
    await expect(thread.scan(job(), content)).rejects.toBe(reason);
  });

  it.each([
    ["throws", `if (count === 2) throw new Error("no such instruction");`],
    ["exits", "if (count === 2) process.exit(3);"],
  ])("says so when the thread %s, and starts another one for the next layer", async (_, dies) => {
    await using thread = threadThat(`${dies} ${answers}`);
    await expect(thread.scan(job(), pieces(3))).rejects.toThrow(ScannerFailedError);
    await expect(thread.scan(job(), pieces(3))).rejects.toThrow(/ended with code [0-9]+/);
  });

  it("fails the recipe, too, when the thread dies over it", async () => {
    await using thread = threadThat(`if (message.kind === "end") {
      answer({ kind: "scanned", tar: {} }); setTimeout(() => process.exit(4), 50); }`);
    const scan: LayerScan = await thread.scan(job(), pieces(1));
    await expect(scan.recipe).rejects.toThrow(ScannerFailedError);
  });

  it("ends a thread that would never answer when the caller leaves, with the caller's reason", async () => {
    await using thread = threadThat("for (;;);");
    const stop = new AbortController();
    const scan = thread.scan(job(), pieces(3), { signal: stop.signal });
    setTimeout(() => stop.abort(new Error("the user pressed Ctrl-C")), 100);
    await expect(scan).rejects.toThrow("the user pressed Ctrl-C");
    await expect(thread.scan(job(), pieces(3), { signal: stop.signal })).rejects.toThrow("the user pressed Ctrl-C");
  });

  it("leaves no scan hanging when it is disposed", async () => {
    const thread = threadThat("");
    const scan = thread.scan(job(), neverEnding());
    const failed = expect(scan).rejects.toThrow(ScannerFailedError);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await thread[Symbol.asyncDispose]();
    await failed;
  });
});
