import { LRUCache } from "lru-cache";
import PQueue from "p-queue";
import { RegistryError } from "../registry/registry-error.js";

/** Wrong passwords from one address within a minute; then it waits. */
export const defaultMaxFailures = 20;
/** As many addresses as may guess at one account, so that a single one cannot keep its owner out. */
const addressesOfAccount = 10;
const windowMs = 60_000;
/** Hashing takes a thread of Node's four, and 32 MiB. */
const maxAtOnce = 2;
/** More than that many waiting take longer than clients wait. */
const maxWaiting = 1_000;

/** What a password is tried from and for. */
export interface Attempt {
  readonly address: string;
  readonly account: string;
}

/**
 * Tries passwords, a few at a time: guessing must not be cheap, for them or for us. One counts as wrong from when it begins until it has
 * proved right, by address and by account. In this process only.
 */
export class Attempts {
  readonly #tries = new PQueue({ concurrency: maxAtOnce });
  readonly #addresses: WrongPasswords;
  readonly #accounts: WrongPasswords;

  constructor(maxFailures: number) {
    this.#addresses = new WrongPasswords(maxFailures);
    this.#accounts = new WrongPasswords(maxFailures * addressesOfAccount);
  }

  /** Runs `prove`, whose undefined says that the password is wrong. @throws {RegistryError} TOOMANYREQUESTS, and has not run it */
  async try<T>({ address, account }: Attempt, prove: () => Promise<T | undefined>): Promise<T | undefined> {
    if (this.#tries.size >= maxWaiting) throw tooMany("too many are logging in at this moment");
    return await this.#tries.add(async () => {
      if (this.#addresses.isFull(address)) throw tooMany("too many wrong passwords from this address");
      if (this.#accounts.isFull(account)) throw tooMany("too many wrong passwords for this account");
      this.#addresses.add(address, 1);
      this.#accounts.add(account, 1);
      const proof = await prove();
      if (proof !== undefined) {
        this.#addresses.add(address, -1);
        this.#accounts.add(account, -1);
      }
      return proof;
    });
  }
}

/** Counts within a minute, of those that come most. */
class WrongPasswords {
  readonly #counts = new LRUCache<string, number>({ max: 10_000, ttl: windowMs, noUpdateTTL: true });
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  isFull(key: string): boolean {
    return (this.#counts.get(short(key)) ?? 0) >= this.#max;
  }

  add(key: string, difference: number): void {
    this.#counts.set(short(key), Math.max(0, (this.#counts.get(short(key)) ?? 0) + difference));
  }
}

/** No name of an account is longer; what clients send may be. */
const short = (key: string): string => key.slice(0, 256);

const tooMany = (message: string): RegistryError =>
  new RegistryError("TOOMANYREQUESTS", `${message}; wait a minute`, undefined, {
    headers: { "retry-after": String(windowMs / 1000) },
  });
