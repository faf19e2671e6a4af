import { seededRandom } from "./seeded-random.js";

/** Something a registry, or the road to it, does wrong. Offsets count bytes of the response body. */
export type Fault =
  /** Answers this status instead. `retryAfter` in seconds. */
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: number; readonly errorCode?: string }
  /** Says nothing more, and keeps the connection open: before the headers, or after so many bytes of the body. */
  | { readonly kind: "stall"; readonly afterBytes?: number }
  /** Resets the connection: before the headers, or after so many bytes of the body. */
  | { readonly kind: "reset"; readonly afterBytes?: number }
  /** Resets the connection when so many bytes of the request's body have come, and forgets them. */
  | { readonly kind: "reset-upload"; readonly afterBytes: number }
  /** Ends the body early, in good order (no Content-Length). */
  | { readonly kind: "short-body"; readonly missingBytes: number }
  /** Flips the bits of one byte in the middle of the body. */
  | { readonly kind: "wrong-bytes" }
  /** Answers 200 and a page for people. */
  | { readonly kind: "html" }
  /** Answers a ranged request with 200 and everything. */
  | { readonly kind: "ignore-range" }
  /** Sends a Content-Range other than the one asked for, with the bytes it names. */
  | { readonly kind: "wrong-range" }
  /** Sends the body at this rate. */
  | { readonly kind: "slow"; readonly bytesPerSecond: number }
  /** Waits before it answers. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** Every token and every signed link that was handed out is refused from now on, this request's too. */
  | { readonly kind: "expire" }
  /** Leaves out `Docker-Content-Digest`. */
  | { readonly kind: "no-digest-header" };

/** What a predicate can look at. */
export interface FaultyRequest {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** `registry` or `storage`, the second listener that blobs are redirected to. */
  readonly listener: "registry" | "storage";
}

export interface FaultRule {
  readonly fault: Fault;
  /** Default: every request. */
  readonly when?: (request: FaultyRequest) => boolean;
  /** How many requests it spoils. Default: no end. */
  readonly times?: number;
  /** Share of the matching requests it spoils, 0 to 1. Default: all. */
  readonly probability?: number;
}

/** The faults to come: rules, each with a count and a chance drawn from a fixed seed. */
export class FaultPlan {
  readonly #random: () => number;
  #rules: { readonly rule: FaultRule; left: number }[] = [];
  /** How often a fault was served. */
  served = 0;

  constructor(seed = 1) {
    this.#random = seededRandom(seed);
  }

  /** Adds a rule. @returns a call that takes it away again */
  add(rule: FaultRule): () => void {
    const entry = { rule, left: rule.times ?? Number.POSITIVE_INFINITY };
    this.#rules.push(entry);
    return () => {
      this.#rules = this.#rules.filter((other) => other !== entry);
    };
  }

  clear(): void {
    this.#rules = [];
  }

  /** The faults this request gets, and counts them. */
  take(request: FaultyRequest): readonly Fault[] {
    const taken: Fault[] = [];
    for (const entry of this.#rules) {
      const { probability = 1, when } = entry.rule;
      if (entry.left <= 0 || when?.(request) === false || this.#random() >= probability) continue;
      entry.left--;
      this.served++;
      taken.push(entry.rule.fault);
    }
    return taken;
  }
}

/** The first fault of a kind among those that a request got. */
export function faultOf<K extends Fault["kind"]>(
  faults: readonly Fault[],
  kind: K,
): Extract<Fault, { kind: K }> | undefined {
  return faults.find((fault): fault is Extract<Fault, { kind: K }> => fault.kind === kind);
}
