import type { Page } from "../records/page.js";
import { RegistryError } from "../registry/registry-error.js";

/** The longest page, asked for or not: a hundred thousand tags must not be one answer. */
export const longestPage = 1000;

/** `?n=&last=`. @throws {RegistryError} when `n` is no number */
export function parsePage(query: URLSearchParams): Page {
  const n = query.get("n");
  if (n !== null && !/^\d{1,9}$/.test(n))
    throw new RegistryError("UNSUPPORTED", `n=${n}: expected a number`, undefined, { status: 400 });
  const last = query.get("last");
  return {
    limit: Math.min(n === null ? longestPage : Number(n), longestPage),
    after: last === null || last === "" ? undefined : last,
  };
}

/** A page's items, and the `Link` to the next one when there is more. `load` is asked for one item more than is shown. */
export async function loadPage(
  page: Page,
  path: string,
  load: (page: Page) => Promise<readonly string[]>,
): Promise<{ readonly items: readonly string[]; readonly headers: Readonly<Record<string, string>> }> {
  if (page.limit === 0) return { items: [], headers: {} };
  const found = await load({ ...page, limit: page.limit + 1 });
  const items = found.slice(0, page.limit);
  const last = items.at(-1);
  if (found.length <= page.limit || last === undefined) return { items, headers: {} };
  const next = new URLSearchParams({ n: String(page.limit), last });
  return { items, headers: { link: `<${path}?${next}>; rel="next"` } };
}
