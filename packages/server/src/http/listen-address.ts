/** Where a server listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system pick one. */
  readonly port: number;
}

/** The text is no `HOST:PORT`. */
export class ListenAddressError extends Error {
  override readonly name = "ListenAddressError";
  readonly code = "LISTEN_ADDRESS_INVALID";
}

/** `HOST:PORT`, `[IPv6]:PORT` or `:PORT` (every address). @throws {ListenAddressError} */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw new ListenAddressError(`listen address ${JSON.stringify(text)}: expected HOST:PORT, such as 127.0.0.1:5000`);
  }
  return { host: match[1] ?? (match[2] || "::"), port };
}

/** Whether only this machine can reach it. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || /^(::1|\[::1\])$/.test(host) || /^127(\.\d{1,3}){3}$/.test(host);

/** The address as a URL that clients on this machine can use. */
export function urlOf(address: ListenAddress, scheme: "http" | "https" = "http"): string {
  return `${scheme}://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}
