import { readFile, stat } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { Logger } from "pino";

/** PEM files. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** How often the files are looked at: a renewed certificate is used without a restart. Milliseconds. */
const lookMs = 30_000;

/** A certificate and its key, read again when the files change. */
export class Tls implements AsyncDisposable {
  readonly #files: TlsFiles;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #pair: TlsPair;
  #seen: string;
  #use: (pair: TlsPair) => void = () => undefined;

  private constructor(files: TlsFiles, pair: TlsPair, seen: string, log: Logger, intervalMs: number) {
    this.#files = files;
    this.#pair = pair;
    this.#seen = seen;
    this.#log = log;
    this.#timer = setInterval(() => void this.look(), intervalMs);
    this.#timer.unref();
  }

  /** @throws what the system says about the files, or OpenSSL about what is in them */
  static async open(files: TlsFiles, log: Logger, intervalMs: number = lookMs): Promise<Tls> {
    const seen = await stateOf(files);
    return new Tls(files, await readPair(files), seen, log, intervalMs);
  }

  get pair(): TlsPair {
    return this.#pair;
  }

  onChange(use: (pair: TlsPair) => void): void {
    this.#use = use;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
  }

  /** Uses the files if they changed. A pair that does not fit together, because one file is new and the other not yet, is looked at again the next time. */
  async look(): Promise<void> {
    try {
      const seen = await stateOf(this.#files);
      if (seen === this.#seen) return;
      this.#pair = await readPair(this.#files);
      this.#seen = seen;
      this.#use(this.#pair);
      this.#log.info({ certificate: this.#files.certificate }, "new certificate in use");
    } catch (error) {
      this.#log.warn(
        { err: error, certificate: this.#files.certificate },
        "cannot use the changed certificate; the old one stays",
      );
    }
  }
}

async function readPair({ certificate, key }: TlsFiles): Promise<TlsPair> {
  const pair = { cert: await readFile(certificate), key: await readFile(key) };
  createSecureContext(pair);
  return pair;
}

async function stateOf({ certificate, key }: TlsFiles): Promise<string> {
  const states = await Promise.all([certificate, key].map((path) => stat(path)));
  return states.map(({ mtimeMs, ino, size }) => `${mtimeMs} ${ino} ${size}`).join(" ");
}
