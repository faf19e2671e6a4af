/** Short against the life of a node, long against a conversion: an upgrade of the registry is seen within it. Milliseconds. */
const rememberedMs = 5 * 60 * 1000;

const maxRemembered = 1000;

/** What the other side was found not to have, each for five minutes unless said otherwise. */
export class LackMemory {
  readonly #untilMs = new Map<string, number>();
  readonly #rememberedMs: number;

  constructor(rememberedForMs: number = rememberedMs) {
    this.#rememberedMs = rememberedForMs;
  }

  add(what: string, nowMs: number = performance.now()): void {
    const oldest = this.#untilMs.size >= maxRemembered ? this.#untilMs.keys().next().value : undefined;
    if (oldest !== undefined) this.#untilMs.delete(oldest);
    this.#untilMs.set(what, nowMs + this.#rememberedMs);
  }

  forget(what: string): void {
    this.#untilMs.delete(what);
  }

  has(what: string, nowMs: number = performance.now()): boolean {
    return nowMs < (this.#untilMs.get(what) ?? 0);
  }
}
