/** Query parameters that say where a request went and grant nothing. Every other value is hidden: signatures, tokens, upload states. */
const harmless: ReadonlySet<string> = new Set([
  "artifactType",
  "digest",
  "from",
  "last",
  "mount",
  "n",
  "ns",
  "service",
  "scope",
]);

const maxShownLength = 400;

/** A URL for messages and logs: no user, no password, no signed or secret query values, bounded in length. */
export function redactUrl(url: URL | string): string {
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  shown.hash = "";
  for (const name of new Set(shown.searchParams.keys())) {
    if (!harmless.has(name)) shown.searchParams.set(name, "***");
  }
  return cut(shown.href);
}

/** A text that a registry sent, fit for a terminal and a log line: one line, no control characters, bounded. */
export function cleanText(text: string): string {
  return cut(text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim());
}

const cut = (text: string): string => (text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text);
