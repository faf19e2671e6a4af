import type { OutputStream } from "../surroundings.js";
import { failureOf } from "./failure.js";

export type OutputFormat = "table" | "json";

/** Where a verb says what it has to say: data on stdout, everything else on stderr. */
export class Output {
  readonly format: OutputFormat;
  readonly isQuiet: boolean;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;

  constructor(stdout: OutputStream, stderr: OutputStream, format: OutputFormat, isQuiet: boolean) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.format = format;
    this.isQuiet = isQuiet;
  }

  /** The one document of a verb: as JSON, or as the text that `describe` makes of it. */
  result<T extends object>(document: T, describe: (document: T) => string): void {
    this.data(this.format === "json" ? JSON.stringify(document, null, 2) : describe(document));
  }

  /** Raw text on stdout, ended by a newline. Empty text prints nothing. */
  data(text: string): void {
    if (text !== "") this.#stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  }

  /** A remark for a person on stderr. Silent under `-q` and `-o json`. */
  note(text: string): void {
    if (!this.isQuiet && this.format !== "json") this.#stderr.write(`${text}\n`);
  }

  /** An error on stderr: one line, or a JSON document. `withStack` appends where it was thrown. */
  failure(error: unknown, withStack = false): void {
    const failure = failureOf(error);
    this.#stderr.write(
      this.format === "json" ? `${JSON.stringify({ error: failure })}\n` : `sluice: ${failure.message}\n`,
    );
    if (withStack && error instanceof Error) this.#stderr.write(`${error.stack ?? error.message}\n`);
  }

  /** Progress is for a person who watches: only on a terminal, never under `-q`. */
  get showsProgress(): boolean {
    return !this.isQuiet && this.#stderr.isTTY === true;
  }

  get progressStream(): OutputStream {
    return this.#stderr;
  }
}
