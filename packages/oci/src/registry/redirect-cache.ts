/** Where a registry sent us for a blob last time. Bounded; the oldest entry goes first. */
export class RedirectCache {
  readonly #targets = new Map<string, { readonly url: URL; readonly untilMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  get(key: string): URL | undefined {
    const target = this.#targets.get(key);
    if (target === undefined || target.untilMs > this.#now()) return target?.url;
    this.#targets.delete(key);
    return undefined;
  }

  set(key: string, url: URL): void {
    const nowMs = this.#now();
    const untilMs = Math.min(signatureEndMs(url) - marginMs, nowMs + maxLifeMs);
    if (untilMs <= nowMs) return;
    this.#targets.delete(key);
    this.#targets.set(key, { url, untilMs });
    const oldest = this.#targets.size > maxTargets ? this.#targets.keys().next().value : undefined;
    if (oldest !== undefined) this.#targets.delete(oldest);
  }

  delete(key: string): void {
    this.#targets.delete(key);
  }
}

const maxTargets = 4096;
/** Stop using a signed URL this long before it ends: clocks differ. */
const marginMs = 10_000;
/** Without a readable end, and at most. Shorter than the lifetimes that object stores give their signatures. */
const maxLifeMs = 5 * 60_000;

/** When a signed URL ends, in ms since 1970: S3 v4, S3 v2 and CloudFront, Google, Azure. Infinity when it does not say. */
export function signatureEndMs(url: URL): number {
  const parameters = url.searchParams;
  for (const vendor of ["X-Amz", "X-Goog"]) {
    const made = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(parameters.get(`${vendor}-Date`) ?? "");
    const lifeSeconds = Number(parameters.get(`${vendor}-Expires`) ?? Number.NaN);
    if (made === null || Number.isNaN(lifeSeconds)) continue;
    const [, year, month, day, hour, minute, second] = made.map(Number);
    const madeMs = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
    return madeMs + lifeSeconds * 1000;
  }
  const expires = Number(parameters.get("Expires") ?? Number.NaN);
  if (!Number.isNaN(expires)) return expires * 1000;
  const azureMs = Date.parse(parameters.get("se") ?? "");
  return Number.isNaN(azureMs) ? Number.POSITIVE_INFINITY : azureMs;
}
