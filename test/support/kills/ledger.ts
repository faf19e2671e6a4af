/** What a key of the ledger may be, as far as clients know: a digest, `there`, or this. */
export const gone = "";

/**
 * What a registry owes its clients: for each thing that it was told of, what it may be now. A request that is sent adds what it wants; one that
 * is acknowledged leaves nothing else; one whose connection breaks leaves both.
 */
export class Ledger {
  readonly #possible = new Map<string, Set<string>>();
  readonly #touched = new Set<string>();

  /** Before a request is sent that makes `key` be `value`. */
  begin(key: string, value: string): void {
    this.#of(key).add(value);
    this.#touched.add(key);
  }

  /** It was answered. */
  acknowledge(key: string, value: string): void {
    this.#possible.set(key, new Set([value]));
    this.#touched.add(key);
  }

  /** Everything under this prefix may be gone from now on. */
  doubt(prefix: string): void {
    for (const key of this.keys(prefix)) this.begin(key, gone);
  }

  keys(prefix = ""): readonly string[] {
    return [...this.#possible.keys()].filter((key) => key.startsWith(prefix));
  }

  /** Those that are certain to be there, with what they are. */
  certain(prefix: string): readonly (readonly [key: string, value: string])[] {
    return this.keys(prefix).flatMap((key) => {
      const [value, ...others] = this.#of(key);
      return value !== undefined && value !== gone && others.length === 0 ? [[key, value] as const] : [];
    });
  }

  mayBe(key: string, value: string): boolean {
    return this.#of(key).has(value);
  }

  /** Those that something was sent about since the last time. */
  takeTouched(): readonly string[] {
    const keys = [...this.#touched];
    this.#touched.clear();
    return keys;
  }

  /** What it is, was looked up. @returns a complaint when it may not be that */
  settle(key: string, actual: string): string | undefined {
    const possible = this.#of(key);
    const complaint = possible.has(actual)
      ? undefined
      : `${key} is ${say(actual)}, not ${[...possible].map(say).join(" or ")}`;
    this.#possible.set(key, new Set([actual]));
    return complaint;
  }

  #of(key: string): Set<string> {
    const possible = this.#possible.get(key) ?? new Set([gone]);
    this.#possible.set(key, possible);
    return possible;
  }
}

const say = (value: string): string => (value === gone ? "gone" : value);
