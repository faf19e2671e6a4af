import type { HttpResponse } from "./transport.js";

/** Pages of one list that are followed. */
export const maxPages = 1000;

/** The next page from `Link: <…>; rel="next"` (RFC 8288), if it is on the same origin. */
export function nextPage(response: HttpResponse): URL | undefined {
  const header = (response.header("link") ?? "").slice(0, 8192);
  for (const [, target, parameters] of header.matchAll(/<([^>]*)>((?:\s*;\s*[^;,]*)*)/g)) {
    if (!/;\s*rel\s*=\s*"?next"?\s*(?:;|$)/i.test(parameters ?? "")) continue;
    const from = response.request.url;
    const url = URL.canParse(target ?? "", from.href) ? new URL(target ?? "", from) : undefined;
    return url?.origin === from.origin ? url : undefined;
  }
  return undefined;
}
