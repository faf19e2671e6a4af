import { DigestMismatchError } from "../../digest/content-digest.js";
import { InvalidDocumentError } from "../../documents/json-document.js";
import { isNotFound } from "../../repository/errors.js";
import { DeniedError, RangeIgnoredError, RegistryError, UnauthorizedError } from "../errors.js";
import { LackMemory } from "../lack-memory.js";

/** A mirror that fails for the first time rests this long, and twice as long each next time. Milliseconds. */
const firstRestMs = 5_000;
const maxRestMs = 60_000;
/** What a mirror did not have, a peer-to-peer one may have soon. Milliseconds. */
const missingMs = 30_000;

/** What a mirror was found not to give, so that it is not asked in vain: each finding for a while. */
export class MirrorHealth {
  #failures = 0;
  #restsUntilMs = Number.NEGATIVE_INFINITY;
  readonly #missing = new LackMemory(missingMs);
  /** Wrong bytes, no rights, no ranges: not cured in half a minute. */
  readonly #wrong = new LackMemory();

  /** Whether to ask for a subject: a blob, or a manifest, of a repository. */
  gives(subject: MirrorSubject, nowMs: number = performance.now()): boolean {
    if (nowMs < this.#restsUntilMs) return false;
    const lacks = (what: string): boolean => this.#missing.has(what, nowMs) || this.#wrong.has(what, nowMs);
    return !lacks(nameOf(subject)) && !lacks(subject.repository) && !(subject.isRange && lacks(anyRange));
  }

  worked(): void {
    this.#failures = 0;
  }

  failed(error: unknown, subject: MirrorSubject, nowMs: number = performance.now()): void {
    if (isNotFound(error) || (error instanceof RegistryError && error.status === 416)) {
      this.#missing.add(nameOf(subject), nowMs);
    } else if (error instanceof DigestMismatchError || error instanceof InvalidDocumentError) {
      this.#wrong.add(nameOf(subject), nowMs);
    } else if ((error instanceof UnauthorizedError && !error.retryable) || error instanceof DeniedError) {
      this.#wrong.add(subject.repository, nowMs);
    } else if (error instanceof RangeIgnoredError) {
      this.#wrong.add(anyRange, nowMs);
    } else if (nowMs >= this.#restsUntilMs) {
      // What fails while it rests had been asked before: part of the same trouble.
      this.#restsUntilMs = nowMs + Math.min(maxRestMs, firstRestMs * 2 ** this.#failures);
      this.#failures = Math.min(this.#failures + 1, 10);
    }
  }

  /** The bytes of it were not those of its name. */
  doubt(subject: MirrorSubject, nowMs: number = performance.now()): void {
    this.#wrong.add(nameOf(subject), nowMs);
  }
}

/** What a mirror is asked for. */
export interface MirrorSubject {
  readonly repository: string;
  /** Tag or digest. */
  readonly target: string;
  readonly isRange: boolean;
}

const anyRange = "any range";
const nameOf = ({ repository, target }: MirrorSubject): string => `${repository} ${target}`;
