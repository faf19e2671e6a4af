import { randomBytes, timingSafeEqual } from "node:crypto";
import type { Accounts } from "./accounts.js";
import type { BearerTokens } from "./bearer-tokens.js";
import { type Caller, Gatekeeper } from "./gatekeeper.js";
import type { Grant } from "./grants.js";
import type { Principal } from "./principal.js";

/** A password that works until it is disposed. */
export interface LentPassword extends Disposable {
  readonly password: string;
}

interface Lent {
  readonly secret: Buffer;
  readonly principal: Principal;
}

/**
 * The gatekeeper of the door that a registry has for its own conversions, on loopback: whoever was lent a password comes in, and nobody else, accounts or not. Passwords live in memory, each for one
 * conversion, one repository, and as long as it runs; a Bearer token that was got with one goes on for its five minutes, and is good at this door only.
 */
export class LentAccess extends Gatekeeper {
  readonly #lent = new Map<string, Lent>();

  /** @param tokens of this door alone */
  constructor(accounts: Accounts, tokens: BearerTokens) {
    super(accounts, tokens, { anonymous: "none", openWithoutAccounts: "nobody", maxFailures: 1 });
  }

  /** @param name that nobody else has; what is done with the password is told as done by it */
  lend(name: string, grants: readonly Grant[]): LentPassword {
    const secret = randomBytes(24);
    this.#lent.set(name, { secret, principal: { kind: "password", name, grants, isAdmin: false } });
    return { password: secret.toString("base64url"), [Symbol.dispose]: () => this.#lent.delete(name) };
  }

  override async principalOf(caller: Caller): Promise<Principal> {
    const [, encoded] = /^basic +(\S+)$/i.exec(caller.authorization ?? "") ?? [];
    if (encoded === undefined) return await super.principalOf(caller);
    const text = Buffer.from(encoded, "base64").toString();
    const colon = text.indexOf(":");
    const lent = this.#lent.get(text.slice(0, Math.max(colon, 0)));
    const given = Buffer.from(text.slice(colon + 1), "base64url");
    if (lent === undefined || given.length !== lent.secret.length || !timingSafeEqual(given, lent.secret)) {
      return this.refuse(caller);
    }
    return lent.principal;
  }
}
