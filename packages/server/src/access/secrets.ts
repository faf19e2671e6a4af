import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

/** Cost, block size and parallelism of scrypt (RFC 7914). */
export interface SecretCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** A secret as it is kept, with the cost at the time. */
export interface SecretHash extends SecretCost {
  readonly salt: string;
  readonly hash: string;
}

/** OWASP's second choice of equal strength: 32 MiB and about 60 ms a try. */
export const defaultSecretCost: SecretCost = { n: 2 ** 15, r: 8, p: 3 };
const hashBytes = 32;
/** Longer ones only cost time. Bytes. */
const maxSecretBytes = 1024;

/** 192 random bits, in characters that go into any URL and shell. */
export const newSecret = (): string => randomBytes(24).toString("base64url");

/** @param beside another secret of the same account, whose salt is taken where the cost allows: both are then looked for at once */
export async function hashSecret(secret: string, cost: SecretCost, beside?: SecretHash): Promise<SecretHash> {
  const { n, r, p } = cost;
  const isAlike = beside?.n === n && beside.r === r && beside.p === p;
  const salt = isAlike ? beside.salt : randomBytes(16).toString("base64");
  return { n, r, p, salt, hash: (await derive(secret, { ...cost, salt })).toString("base64") };
}

/** Too long to be one of ours: known without a derivation. */
export const isTooLong = (secret: string): boolean => Buffer.byteLength(secret) > maxSecretBytes;

/** Which of those that are kept it is. One derivation for all that have one salt. */
export async function findSecret(secret: string, kept: readonly SecretHash[]): Promise<SecretHash | undefined> {
  const derivations = new Map<string, Buffer>();
  let found: SecretHash | undefined;
  for (const one of kept) {
    const key = `${one.n} ${one.r} ${one.p} ${one.salt}`;
    const derived = derivations.get(key) ?? (await derive(secret, one));
    derivations.set(key, derived);
    const hash = Buffer.from(one.hash, "base64");
    if (derived.length === hash.length && timingSafeEqual(derived, hash)) found = one;
  }
  return found;
}

function derive(secret: string, { n, r, p, salt }: Omit<SecretHash, "hash">): Promise<Buffer> {
  const options: ScryptOptions = { N: n, r, p, maxmem: 256 * n * r };
  return new Promise((resolve, reject) => {
    scrypt(secret.normalize("NFKC"), Buffer.from(salt, "base64"), hashBytes, options, (error, derived) =>
      error === null ? resolve(derived) : reject(error),
    );
  });
}
