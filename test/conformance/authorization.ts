/** Answers a registry's challenges: Basic, or a Bearer token from the realm that it names. */
export class Authorization {
  readonly #credentials: { readonly username: string; readonly password: string } | undefined;
  /** The last header that worked, by repository: a token of one is no use in another. */
  readonly #headers = new Map<string, string>();

  constructor(credentials: { readonly username: string; readonly password: string } | undefined) {
    this.#credentials = credentials;
  }

  header(url: string): string | undefined {
    return this.#headers.get(repositoryOf(url));
  }

  /** @returns the header to try again with; undefined when there is nothing to try */
  async answer(refused: Response, url: string): Promise<string | undefined> {
    const challenge = refused.headers.get("www-authenticate") ?? "";
    const header = /^bearer /i.test(challenge) ? await this.#bearer(challenge) : this.#basic();
    if (header !== undefined) this.#headers.set(repositoryOf(url), header);
    return header;
  }

  #basic(): string | undefined {
    if (this.#credentials === undefined) return undefined;
    const { username, password } = this.#credentials;
    return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  }

  async #bearer(challenge: string): Promise<string | undefined> {
    const fields = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value ?? ""]));
    const realm = new URL(fields.get("realm") ?? "");
    realm.searchParams.set("service", fields.get("service") ?? "");
    for (const scope of (fields.get("scope") ?? "").split(" ")) {
      if (scope !== "") realm.searchParams.append("scope", widened(scope));
    }
    const authorization = this.#basic();
    const answer = await fetch(realm, { headers: { ...(authorization !== undefined && { authorization }) } });
    if (!answer.ok) return undefined;
    const { token, access_token } = (await answer.json()) as { token?: string; access_token?: string };
    return `Bearer ${token ?? access_token ?? ""}`;
  }
}

const repositoryOf = (url: string): string =>
  /\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\//.exec(new URL(url).pathname)?.[1] ?? "";

/** One token for everything that a case does in the repository. */
const widened = (scope: string): string => scope.replace(/^(repository:[^:]+:).*/, "$1pull,push,delete");
