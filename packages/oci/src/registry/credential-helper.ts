import { spawn } from "node:child_process";
import { z } from "zod";
import { readBounded } from "../bytes/bounded-read.js";
import type { Credentials } from "./credentials.js";

const maxAnswerBytes = 256 * 1024;
/** A helper may ask a person or a cloud. Milliseconds. */
const helperTimeoutMs = 30_000;

const answerSchema = z.object({ Username: z.string().max(10_000), Secret: z.string().max(200_000) });

/** A credential helper could not be run or did not answer as its protocol says. */
class CredentialHelperError extends Error {
  override readonly name = "CredentialHelperError";
  readonly code = "CREDENTIAL_HELPER";
}

/**
 * Asks `docker-credential-NAME get`: server on standard input, JSON on standard output (docker/docker-credential-helpers).
 * Undefined when the helper knows none.
 *
 * @throws {CredentialHelperError}
 */
export async function askCredentialHelper(
  helper: string,
  server: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`;
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(helper)) throw new CredentialHelperError(`${program}: not a helper's name`);
  const { exitCode, output } = await run(program, server, environment);
  if (exitCode !== 0) {
    if (/credentials not found/i.test(output)) return undefined;
    throw new CredentialHelperError(`${program} get: exit code ${exitCode}`);
  }
  const answer = answerSchema.safeParse(parse(output));
  if (!answer.success) throw new CredentialHelperError(`${program} get: not the JSON of a credential helper`);
  const { Secret, Username } = answer.data;
  if (Secret === "") return undefined;
  if (Username === "<token>") return { kind: "identity-token", token: Secret };
  return { kind: "password", username: Username, password: Secret };
}

async function run(
  program: string,
  server: string,
  environment: NodeJS.ProcessEnv,
): Promise<{ exitCode: number; output: string }> {
  const child = spawn(program, ["get"], {
    stdio: ["pipe", "pipe", "ignore"],
    env: environment,
    timeout: helperTimeoutMs,
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(new CredentialHelperError(`${program}: ${error.message}`, { cause: error })));
    child.once("close", (exitCode) => resolve(exitCode ?? -1));
  });
  ended.catch(() => undefined); // awaited below, but the output may fail first
  child.stdin.on("error", () => undefined); // a helper that does not read its input still answers
  child.stdin.end(`${server}\n`);
  try {
    const output = await readBounded(child.stdout, maxAnswerBytes, `${program} get`);
    return { exitCode: await ended, output: Buffer.from(output).toString("utf8") };
  } catch (error) {
    if (error instanceof CredentialHelperError) throw error;
    throw new CredentialHelperError(`${program} get: unreadable answer`, { cause: error });
  } finally {
    if (child.exitCode === null) child.kill("SIGKILL");
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it with a better message
  }
}
