import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { RegistryError } from "../registry/registry-error.js";
import type { Accounts, Proof } from "./accounts.js";
import { Attempts } from "./attempts.js";
import type { BearerTokens } from "./bearer-tokens.js";
import { type Action, everything, readEverything, wordOf } from "./grants.js";
import { may, type Principal } from "./principal.js";

export interface AccessConfig {
  /** What they may do who do not log in, once there are accounts. */
  readonly anonymous: "none" | "read";
  /** Who may do everything while there are no accounts. */
  readonly openWithoutAccounts: "nobody" | "thisMachine" | "everybody";
  /** Wrong passwords from one address in a minute; ten times as many for one account. */
  readonly maxFailures: number;
}

/** What of a request says who sends it. */
export interface Caller {
  readonly authorization: string | undefined;
  /** Of the client; of a proxy in front that is not trusted. */
  readonly address: string;
  /** It named us as something that only this machine is called; a page of another site in a browser here does not, nor does a proxy that others reach. */
  readonly isLocal: boolean;
  /** `https://HOST`, as the client named us: where it finds the token endpoint. */
  readonly origin: string;
}

/** How long a password that was right is not asked about again: scrypt is slow on purpose. Milliseconds. */
const rememberMs = 30_000;

const notLocal = (): RegistryError =>
  new RegistryError(
    "DENIED",
    "this registry has no accounts and serves this machine only, by the names localhost, 127.0.0.1 and [::1]: make an administrator (`user create NAME --admin`) to use it by another",
  );

/** Knows who sends a request and refuses what they may not do. */
export class Gatekeeper {
  readonly #accounts: Accounts;
  readonly #tokens: BearerTokens;
  readonly #config: AccessConfig;
  readonly #attempts: Attempts;
  readonly #proven = new LRUCache<string, Proof>({ max: 1000, ttl: rememberMs });

  constructor(accounts: Accounts, tokens: BearerTokens, config: AccessConfig) {
    this.#accounts = accounts;
    this.#tokens = tokens;
    this.#config = config;
    this.#attempts = new Attempts(config.maxFailures);
  }

  /** @throws {RegistryError} UNAUTHORIZED for credentials that are wrong; none at all are anonymous */
  async principalOf(caller: Caller): Promise<Principal> {
    const [scheme = "", value = ""] = (caller.authorization ?? "").split(/ +/, 2);
    if (/^bearer$/i.test(scheme)) return await this.#bearer(value, caller);
    if (/^basic$/i.test(scheme)) return await this.#password(value, caller);
    if (scheme !== "") throw this.#challenge(caller, "this registry takes Basic and Bearer");
    return await this.#anonymous(caller);
  }

  /** @throws {RegistryError} UNAUTHORIZED where logging in could help, DENIED where it could not */
  demand(principal: Principal, caller: Caller, repository: string, action: Action): void {
    if (may(principal, repository, action)) return;
    const scope = `repository:${repository}:${wordOf(action)}`;
    if (principal.kind === "anonymous") throw this.#challenge(caller, "log in first", scope);
    if (principal.kind === "bearer") {
      throw this.#challenge(
        caller,
        `this token does not allow ${action} in ${repository}`,
        scope,
        "insufficient_scope",
      );
    }
    throw new RegistryError("DENIED", `${principal.name} may not ${action} in ${repository}`, { action, repository });
  }

  /** @throws {RegistryError} as {@link demand} */
  demandAdmin(principal: Principal, caller: Caller): void {
    if (principal.isAdmin) return;
    if (principal.kind !== "password") throw this.#challenge(caller, "log in as an administrator, by Basic");
    throw new RegistryError("DENIED", `${principal.name} is no administrator`);
  }

  /** For `/v2/`, where clients ask whether they have to log in. @throws {RegistryError} UNAUTHORIZED with the challenge */
  demandLogin(principal: Principal, caller: Caller): void {
    if (principal.kind === "anonymous" && !principal.isAdmin) throw this.#challenge(caller, "log in first");
  }

  /** @throws {RegistryError} UNAUTHORIZED, always */
  protected refuse(caller: Caller): never {
    throw this.#challenge(caller, "wrong name or password");
  }

  async #anonymous({ isLocal }: Caller): Promise<Principal> {
    const { openWithoutAccounts } = this.#config;
    const isOpen = openWithoutAccounts !== "nobody" && !(await this.#accounts.exist());
    if (isOpen && openWithoutAccounts === "thisMachine" && !isLocal) throw notLocal();
    if (isOpen) return { kind: "anonymous", name: "", grants: everything, isAdmin: true };
    const grants = this.#config.anonymous === "read" ? readEverything : [];
    return { kind: "anonymous", name: "", grants, isAdmin: false };
  }

  async #bearer(token: string, caller: Caller): Promise<Principal> {
    const found = await this.#tokens.read(token);
    if (found === undefined)
      throw this.#challenge(caller, "the token has ended or is none", undefined, "invalid_token");
    return { kind: "bearer", ...found, isAdmin: false };
  }

  async #password(encoded: string, caller: Caller): Promise<Principal> {
    const key = createHash("sha256").update(encoded).digest("base64");
    const proof = this.#proven.get(key) ?? (await this.#prove(key, encoded, caller));
    const account = proof && (await this.#accounts.provenBy(proof));
    if (proof === undefined || account === undefined) return this.refuse(caller);
    this.#proven.set(key, proof);
    return { kind: "password", ...account };
  }

  async #prove(key: string, encoded: string, { address }: Caller): Promise<Proof | undefined> {
    const text = Buffer.from(encoded, "base64").toString();
    const colon = text.indexOf(":");
    const account = text.slice(0, Math.max(colon, 0));
    return await this.#attempts.try({ address, account }, async () => {
      if (colon <= 0) return undefined;
      // A client that sends several requests at once waits for the first of them.
      return this.#proven.get(key) ?? (await this.#accounts.prove(account, text.slice(colon + 1)));
    });
  }

  #challenge({ origin }: Caller, message: string, scope?: string, error?: string): RegistryError {
    const parts = [`realm="${origin}/v2/token"`, `service="sluice"`];
    if (scope !== undefined) parts.push(`scope="${scope}"`);
    if (error !== undefined) parts.push(`error="${error}"`);
    return new RegistryError("UNAUTHORIZED", message, undefined, {
      headers: { "www-authenticate": `Bearer ${parts.join(",")}` },
    });
  }
}
