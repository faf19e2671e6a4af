import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { main } from "../main.js";
import type { OutputStream, Surroundings } from "../surroundings.js";

/** A stream that remembers what was written to it. */
export class CapturedStream extends Writable {
  readonly isTTY: boolean;
  readonly #pieces: string[] = [];

  constructor(isTTY = false) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    this.#pieces.push(String(chunk));
    done();
  }

  get text(): string {
    return this.#pieces.join("");
  }
}

/** A world of its own: no environment, an empty home in a temporary folder, not root. */
export interface TestWorld extends AsyncDisposable {
  /** Absolute path; home, working folder and everything below. */
  readonly folder: string;
  readonly surroundings: Surroundings;
  readonly stdout: CapturedStream;
  readonly stderr: CapturedStream;
  /** The codes the process would have been ended with. */
  readonly forcedExits: readonly number[];
  /** As a Ctrl-C would. */
  interrupt(signal?: "SIGINT" | "SIGTERM"): void;
}

export async function createTestWorld(
  environment: Readonly<Record<string, string>> = {},
  given: { readonly stdout?: OutputStream; readonly stderr?: CapturedStream } = {},
): Promise<TestWorld> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-cli-"));
  const stdout = new CapturedStream();
  const stderr = given.stderr ?? new CapturedStream();
  const forcedExits: number[] = [];
  const listeners = new Set<(signal: "SIGINT" | "SIGTERM") => void>();
  return {
    folder,
    stdout,
    stderr,
    forcedExits,
    interrupt: (signal = "SIGINT") => {
      for (const listener of listeners) listener(signal);
    },
    surroundings: {
      stdout: given.stdout ?? stdout,
      stderr,
      environment: { XDG_CONFIG_HOME: join(folder, "config"), XDG_DATA_HOME: join(folder, "data"), ...environment },
      workingFolder: folder,
      homeFolder: folder,
      isRoot: false,
      onInterrupt: (interrupted) => {
        listeners.add(interrupted);
        return () => listeners.delete(interrupted);
      },
      onReload: () => ({ [Symbol.dispose]: () => undefined }),
      forceExit: (code) => forcedExits.push(code),
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What a command line came to. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `main` in a world of its own. */
export async function runMain(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  await using world = await createTestWorld(environment);
  const exitCode = await main(args, world.surroundings);
  return { exitCode, stdout: world.stdout.text, stderr: world.stderr.text };
}
