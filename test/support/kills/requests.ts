import { setTimeout as pause } from "node:timers/promises";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
}

export interface SendOptions {
  readonly body?: Uint8Array | undefined;
  readonly mediaType?: string | undefined;
  /** A JSON body instead. */
  readonly json?: object | undefined;
  /** Of the same registry as this path of an answer before, where that matters. */
  readonly host?: string | undefined;
}

/** The registry was killed, or is about to be: whether the request did its work, nobody knows. */
class LostAnswerError extends Error {
  override readonly name = "LostAnswerError";
}

/** The longest answer: a conversion is asked for and not waited for. Milliseconds. */
const patienceMs = 60_000;
/** Until a registry that is started again may answer. Milliseconds. */
const againMs = 50;

/** Requests of clients to registries that may die at any moment, over plain HTTP and as nobody. */
export class RegistryRequests {
  /** What is under way, by kind. */
  readonly inFlight = new Map<string, number>();
  /** Answers that no client should get. */
  readonly complaints: string[] = [];
  /** Of the kills, how many hit a request of each kind. */
  readonly hit: Record<string, number> = {};
  acknowledged = 0;
  readonly #hostOf: () => string;

  constructor(hostOf: () => string) {
    this.#hostOf = hostOf;
  }

  /** @param kind of the work that it belongs to @throws {LostAnswerError} */
  async send(kind: string, method: string, path: string, options: SendOptions = {}): Promise<Answer> {
    return await this.during(kind, () => this.#send(method, path, options));
  }

  /** Counts as under way while `work` goes on. */
  async during<T>(kind: string, work: () => Promise<T>): Promise<T> {
    this.#count(kind, 1);
    try {
      return await work();
    } finally {
      this.#count(kind, -1);
    }
  }

  /** Counts a kill that comes this moment. @param isHit which kinds of work it can hit */
  strike(isHit: (kind: string) => boolean = () => true): void {
    for (const [kind, count] of this.inFlight) if (count > 0 && isHit(kind)) this.hit[kind] = (this.hit[kind] ?? 0) + 1;
  }

  async #send(method: string, path: string, options: SendOptions): Promise<Answer> {
    try {
      const response = await fetch(`http://${options.host ?? this.#hostOf()}${path}`, {
        method,
        redirect: "manual",
        signal: AbortSignal.timeout(patienceMs),
        ...bodyOf(options),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      if (response.status >= 500 && response.status !== 503) {
        this.complaints.push(`${method} ${path}: ${response.status} ${bytes.toString().slice(0, 300)}`);
      }
      if (response.status < 300) this.acknowledged++;
      return { status: response.status, headers: response.headers, bytes };
    } catch (error) {
      throw new LostAnswerError(`${method} ${path}`, { cause: error });
    }
  }

  #count(kind: string, difference: number): void {
    this.inFlight.set(kind, (this.inFlight.get(kind) ?? 0) + difference);
  }
}

/** Until it is answered by a registry that lives, or `isOver`. Undefined when that was first. */
export async function untilAnswered<T>(work: () => Promise<T>, isOver: () => boolean): Promise<T | undefined> {
  while (!isOver()) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LostAnswerError)) throw error;
      await pause(againMs);
    }
  }
  return undefined;
}

function bodyOf({ body, json, mediaType }: SendOptions): Pick<RequestInit, "body" | "headers"> {
  if (json !== undefined) return { body: JSON.stringify(json), headers: { "content-type": "application/json" } };
  if (body === undefined) return {};
  return { body, headers: { "content-type": mediaType ?? "application/octet-stream" } };
}
