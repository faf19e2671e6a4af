import { isIPv4 } from "node:net";

/** Whether plain HTTP is allowed for a host. Undecided (undefined) means: loopback hosts are tried over plain HTTP first, others never. */
export type PlainHttp = boolean | ((host: string) => boolean | undefined);

/** Docker Hub's API lives behind another name than its images carry. */
const apiHosts: ReadonlyMap<string, string> = new Map([["docker.io", "registry-1.docker.io"]]);

/** Where the API of a registry is. The one place that knows; mirrors will be found here. */
export class Endpoint {
  readonly host: string;
  #origins: readonly URL[];

  constructor(host: string, plainHttp?: PlainHttp) {
    this.host = host;
    const allowed = typeof plainHttp === "function" ? plainHttp(host) : plainHttp;
    const apiHost = apiHosts.get(host) ?? host;
    this.#origins = schemesFor(host, allowed).map((scheme) => new URL(`${scheme}://${apiHost}`));
  }

  /** The origin to ask. Changes at most once, by {@link settleOn}. */
  get origin(): URL {
    const [first] = this.#origins;
    if (first === undefined) throw new RangeError(`registry ${this.host}: no endpoint`);
    return first;
  }

  /** The origin to try when the first one does not speak our protocol; undefined once an answer has settled it. */
  get alternative(): URL | undefined {
    return this.#origins[1];
  }

  /** This origin answered as a registry does: it is the one from now on. */
  settleOn(origin: URL): void {
    if (this.#origins.length > 1) this.#origins = [origin];
  }
}

function schemesFor(host: string, plainHttp: boolean | undefined): readonly string[] {
  if (plainHttp !== undefined) return [plainHttp ? "http" : "https"];
  return isLoopback(host) ? ["http", "https"] : ["https"];
}

/** Whether `HOST[:PORT]` names this machine itself. */
export function isLoopback(host: string): boolean {
  const name = host.startsWith("[") ? host.slice(1, host.indexOf("]")) : host.replace(/:\d+$/, "");
  return (
    name === "localhost" || name.endsWith(".localhost") || name === "::1" || (isIPv4(name) && name.startsWith("127."))
  );
}
