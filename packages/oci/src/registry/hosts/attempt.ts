import type { AbortOptions } from "../../abort-options.js";
import { RegistryError } from "../errors.js";
import type { Mirror } from "./host-sessions.js";
import type { MirrorSubject } from "./mirror-health.js";

/** One question to several hosts, and what became of it. */
export class Attempt {
  readonly #subject: MirrorSubject;
  readonly #onMirrorFailed: (mirror: string, error: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  /** What the registry itself said: it counts for more than what mirrors do. */
  #ofServer: { readonly error: unknown } | undefined;

  constructor(
    subject: MirrorSubject,
    onMirrorFailed: (mirror: string, error: unknown) => void,
    options: AbortOptions | undefined,
  ) {
    this.#subject = subject;
    this.#onMirrorFailed = onMirrorFailed;
    this.#signal = options?.signal;
  }

  /**
   * @param candidate without a mirror it is the registry
   * @throws the caller's own reason when it is the caller that stopped
   */
  failed({ mirror }: { readonly mirror: Mirror | undefined }, error: unknown): void {
    this.#signal?.throwIfAborted();
    if (mirror === undefined) {
      this.#ofServer = { error };
      return;
    }
    mirror.health.failed(error, this.#subject);
    this.#onMirrorFailed(mirror.name, error);
  }

  /** The registry has said no. That it is away decides nothing. */
  get isOver(): boolean {
    if (this.#ofServer === undefined) return false;
    const { error } = this.#ofServer;
    return !(error instanceof RegistryError && error.retryable);
  }

  get error(): unknown {
    return this.#ofServer?.error;
  }
}
