import { type Record, RecordConflictError, type Records } from "../records/records.js";
import { RegistryError } from "../registry/registry-error.js";
import { everything, type Grant } from "./grants.js";
import {
  defaultSecretCost,
  findSecret,
  hashSecret,
  isTooLong,
  newSecret,
  type SecretCost,
  type SecretHash,
} from "./secrets.js";

/** Grants under a name, for any number of accounts. */
export interface ScopeMap {
  readonly grants: readonly Grant[];
}

/** A secret of an account; each has two places, so that one can be changed while the other is in use. */
interface Password {
  readonly secret: SecretHash;
  readonly createdAt: string;
  readonly expiresAt?: string | undefined;
}

/** Somebody, or a program, that may do what its scope map says; an administrator may do everything. */
export interface Account {
  /** Users are people; tokens are for programs. Both log in alike. */
  readonly kind: "user" | "token";
  readonly isAdmin: boolean;
  readonly scopeMap?: string | undefined;
  readonly isDisabled: boolean;
  readonly passwords: readonly [(Password | undefined)?, (Password | undefined)?];
}

/** That a password was right, and which: it may be remembered, unlike what the account may do. */
export interface Proof {
  readonly name: string;
  /** Of the password, as it is kept. */
  readonly hash: string;
}

/** Who an account is that proved itself. */
export interface ProvenAccount {
  readonly name: string;
  readonly isAdmin: boolean;
  readonly grants: readonly Grant[];
}

/** For how long {@link Accounts.exist} is not looked up again: every anonymous request asks. Milliseconds. */
const existSettledMs = 1000;

/** The accounts and scope maps of a registry. Secrets leave it once, when they are made. */
export class Accounts {
  readonly #records: Records;
  readonly #cost: SecretCost;
  #exist = false;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** @param cost of passwords that are made from now on */
  constructor(records: Records, cost: SecretCost = defaultSecretCost) {
    this.#records = records;
    this.#cost = cost;
  }

  /** Whether there is any: from then on the registry asks who is there. What another process did counts a second later. */
  async exist(): Promise<boolean> {
    if (performance.now() - this.#lookedAtMs > existSettledMs) {
      this.#exist = (await this.#records.list("account", { limit: 1 })).length > 0;
      this.#lookedAtMs = performance.now();
    }
    return this.#exist;
  }

  async list(): Promise<readonly Record<Account>[]> {
    return await this.#records.list<Account>("account", { limit: 10_000 });
  }

  /** @returns its first password @throws {RegistryError} when there is one of that name, or no such scope map */
  async create(name: string, account: Omit<Account, "passwords" | "isDisabled">): Promise<string> {
    if (account.scopeMap !== undefined) await this.#mustHaveScopeMap(account.scopeMap);
    if (!account.isAdmin && !(await this.exist())) {
      throw refused("the first account must be an administrator's: without one nobody could manage the registry");
    }
    const secret = newSecret();
    const passwords = [{ secret: await hashSecret(secret, this.#cost), createdAt: new Date().toISOString() }] as const;
    await conflicting(`there is an account ${name} already`, () =>
      this.#records.put("account", name, { ...account, isDisabled: false, passwords: [...passwords] }, 0),
    );
    this.#lookedAtMs = Number.NEGATIVE_INFINITY;
    return secret;
  }

  /** Makes a new password in one of the two places; the one that was there ends. @returns it */
  async renewPassword(name: string, place: 1 | 2, expiresAt?: string): Promise<string> {
    const secret = newSecret();
    await this.#change(name, async (account) => {
      const [first, second] = account.passwords;
      const other = place === 1 ? second : first;
      const password: Password = {
        secret: await hashSecret(secret, this.#cost, other?.secret),
        createdAt: new Date().toISOString(),
        ...(expiresAt !== undefined && { expiresAt }),
      };
      return { ...account, passwords: place === 1 ? [password, second] : [first, password] };
    });
    return secret;
  }

  /** @throws {RegistryError} also for the last administrator who would be disabled */
  async update(name: string, changes: Partial<Pick<Account, "isDisabled" | "scopeMap">>): Promise<void> {
    if (changes.isDisabled === true) await this.#mustHaveOtherAdmin(name);
    if (changes.scopeMap !== undefined) await this.#mustHaveScopeMap(changes.scopeMap);
    await this.#change(name, (account) => ({ ...account, ...changes }));
  }

  /** @throws {RegistryError} for the last administrator: a registry without accounts is open */
  async remove(name: string): Promise<boolean> {
    await this.#mustHaveOtherAdmin(name);
    this.#lookedAtMs = Number.NEGATIVE_INFINITY;
    return await this.#records.delete("account", name);
  }

  async scopeMaps(): Promise<readonly Record<ScopeMap>[]> {
    return await this.#records.list<ScopeMap>("scope-map", { limit: 10_000 });
  }

  async putScopeMap(name: string, grants: readonly Grant[]): Promise<void> {
    await this.#records.put("scope-map", name, { grants });
  }

  /** Accounts that have it may do nothing then. */
  async removeScopeMap(name: string): Promise<boolean> {
    return await this.#records.delete("scope-map", name);
  }

  /** @returns undefined for a wrong name, secret, or an account or password that has ended; takes as long for each */
  async prove(name: string, secret: string): Promise<Proof | undefined> {
    if (isTooLong(secret)) return undefined;
    const living = livingPasswords((await this.#records.get<Account>("account", name))?.document);
    if (living.length === 0) await hashSecret(secret, this.#cost);
    const found = await findSecret(
      secret,
      living.map((password) => password.secret),
    );
    return found && { name, hash: found.hash };
  }

  /** What an account may do that has proven itself. @returns undefined when it, or the password, has ended since */
  async provenBy({ name, hash }: Proof): Promise<ProvenAccount | undefined> {
    const account = (await this.#records.get<Account>("account", name))?.document;
    if (account === undefined || !livingPasswords(account).some(({ secret }) => secret.hash === hash)) return undefined;
    return {
      name,
      isAdmin: account.isAdmin,
      grants: account.isAdmin ? everything : await this.#grantsOf(account.scopeMap),
    };
  }

  async #grantsOf(scopeMap: string | undefined): Promise<readonly Grant[]> {
    if (scopeMap === undefined) return [];
    return (await this.#records.get<ScopeMap>("scope-map", scopeMap))?.document.grants ?? [];
  }

  async #mustHaveOtherAdmin(name: string): Promise<void> {
    const admins = (await this.list()).filter(({ document }) => document.isAdmin && !document.isDisabled);
    if (admins.length === 1 && admins[0]?.key === name) {
      throw refused(`${name} is the last administrator: make another one first (\`user create NAME --admin\`)`);
    }
  }

  async #mustHaveScopeMap(name: string): Promise<void> {
    if ((await this.#records.get("scope-map", name)) === undefined) throw refused(`there is no scope map ${name}`);
  }

  async #change(name: string, change: (account: Account) => Account | Promise<Account>): Promise<void> {
    const found = await this.#records.get<Account>("account", name);
    if (found === undefined) throw new RegistryError("NAME_UNKNOWN", `there is no account ${name}`);
    const changed = await change(found.document);
    await conflicting(`somebody changed account ${name} at the same moment; try again`, () =>
      this.#records.put("account", name, changed, found.version),
    );
  }
}

function livingPasswords(account: Account | undefined): readonly Password[] {
  if (account === undefined || account.isDisabled) return [];
  const now = new Date().toISOString();
  // JSON has turned an empty place into null. The filter leaves passwords only.
  return account.passwords.filter(
    (one) => one !== undefined && one !== null && (one.expiresAt ?? "9") > now,
  ) as Password[];
}

const refused = (message: string): RegistryError =>
  new RegistryError("UNSUPPORTED", message, undefined, { status: 400 });

async function conflicting(message: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof RecordConflictError)
      throw new RegistryError("UNSUPPORTED", message, undefined, { status: 409 });
    throw error;
  }
}
