import { randomBytes } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { RecordConflictError, type Records } from "../records/records.js";
import { actions, type Grant } from "./grants.js";

/** How long a Bearer token lasts: a client asks for a new one when it is refused. What an account loses it may do so long. Seconds. */
export const tokenSeconds = 300;

const claimsSchema = z.object({
  sub: z.string(),
  grants: z.array(z.object({ repository: z.string(), actions: z.array(z.enum(actions)) })),
});

/** Tokens of the distribution specification's token flow: JWTs (RFC 7519) signed with a key that all processes of a registry share. */
export class BearerTokens {
  readonly #key: Uint8Array;

  private constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Makes the key when there is none yet. */
  static async open(records: Records): Promise<BearerTokens> {
    const made = { key: randomBytes(32).toString("base64") };
    try {
      await records.put("secret", "bearer-key", made, 0);
    } catch (error) {
      if (!(error instanceof RecordConflictError)) throw error;
    }
    const kept = await records.get<{ readonly key: string }>("secret", "bearer-key");
    if (kept === undefined) throw new Error("the key of Bearer tokens was removed this moment; start again");
    return new BearerTokens(Buffer.from(kept.document.key, "base64"));
  }

  /** Under a key that nobody else has, and that ends with this process. */
  static temporary(): BearerTokens {
    return new BearerTokens(randomBytes(32));
  }

  async issue(name: string, grants: readonly Grant[]): Promise<string> {
    return await new SignJWT({ grants })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(name)
      .setAudience("sluice")
      .setIssuedAt()
      .setExpirationTime(`${tokenSeconds}s`)
      .sign(this.#key);
  }

  /** @returns undefined when it is none of ours, or has ended */
  async read(token: string): Promise<{ readonly name: string; readonly grants: readonly Grant[] } | undefined> {
    try {
      const { payload } = await jwtVerify(token, this.#key, { audience: "sluice", algorithms: ["HS256"] });
      const { sub, grants } = claimsSchema.parse(payload);
      return { name: sub, grants };
    } catch {
      return undefined; // every way in which a token can be wrong is one answer
    }
  }
}
