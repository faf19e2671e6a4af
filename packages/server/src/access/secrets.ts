import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

/** A secret as it is kept. */
export interface SecretHash {
  readonly salt: string;
  readonly hash: string;
  /** Cost, block size and parallelism of scrypt (RFC 7914) at the time. */
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** OWASP's second choice of equal strength: 32 MiB and about 60 ms a try. */
const cost = { n: 2 ** 15, r: 8, p: 3 } as const;
const hashBytes = 32;
/** Longer ones only cost time. Bytes. */
const maxSecretBytes = 1024;

/** 192 random bits, in characters that go into any URL and shell. */
export const newSecret = (): string => randomBytes(24).toString("base64url");

export async function hashSecret(secret: string): Promise<SecretHash> {
  const salt = randomBytes(16).toString("base64");
  const hash = await derive(secret, { ...cost, salt });
  return { ...cost, salt, hash: hash.toString("base64") };
}

export async function isSecret(secret: string, kept: SecretHash): Promise<boolean> {
  if (Buffer.byteLength(secret) > maxSecretBytes) return false;
  const hash = Buffer.from(kept.hash, "base64");
  const derived = await derive(secret, kept);
  return derived.length === hash.length && timingSafeEqual(derived, hash);
}

function derive(secret: string, { n, r, p, salt }: Omit<SecretHash, "hash">): Promise<Buffer> {
  const options: ScryptOptions = { N: n, r, p, maxmem: 256 * n * r };
  return new Promise((resolve, reject) => {
    scrypt(secret.normalize("NFKC"), Buffer.from(salt, "base64"), hashBytes, options, (error, derived) =>
      error === null ? resolve(derived) : reject(error),
    );
  });
}
