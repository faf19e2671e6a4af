import type { Context } from "../context.js";
import { UsageError } from "../errors.js";

const maxPasswordBytes = 4096;
/** A verb sends several requests, and stdin can be read once. */
const readings = new WeakMap<Context, Promise<string>>();

/** From stdin, or `SLUICE_PASSWORD`: a password in the arguments could be read by every user of the machine. */
export async function passwordOf(context: Context, fromStdin: boolean | undefined): Promise<string> {
  if (fromStdin === true) {
    const reading = readings.get(context) ?? readPassword();
    readings.set(context, reading);
    return await reading;
  }
  const password = context.surroundings.environment["SLUICE_PASSWORD"];
  if (password === undefined)
    throw new UsageError("--username needs --password-stdin, or SLUICE_PASSWORD in the environment");
  return password;
}

/** From stdin, without the newline at its end. */
export const readPassword = (): Promise<string> => readStdin("password", maxPasswordBytes);

/** All of stdin, without the newline at its end. @param what it is, for who sent too much */
export async function readStdin(what: string, maxBytes: number): Promise<string> {
  let text = "";
  for await (const bytes of process.stdin) {
    text += String(bytes);
    if (text.length > maxBytes) throw new UsageError(`the ${what} on stdin is too long`);
  }
  return text.replace(/\r?\n$/, "");
}
