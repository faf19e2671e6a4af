/** Who we are to a registry. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "identity-token"; readonly token: string };

/** What a search for credentials came to. */
export interface CredentialSearch {
  readonly credentials: Credentials | undefined;
  /** Where it looked and what it found there, for people: one phrase each, no secrets. */
  readonly lookedAt: readonly string[];
}

/** Gives credentials for a repository of a registry. Asked anew at each authentication, so that rotated secrets count. Never throws. */
export interface CredentialSource {
  find(host: string, repository: string): Promise<CredentialSearch>;
}

/** Always the same credentials, for one host only when given: they go nowhere else. */
export function fixedCredentials(credentials: Credentials, host?: string): CredentialSource {
  return {
    find: (asked) => {
      const ours = host === undefined || host === asked;
      const phrase = ours ? "the credentials given" : `the credentials given (for ${host} only)`;
      return Promise.resolve({ credentials: ours ? credentials : undefined, lookedAt: [phrase] });
    },
  };
}

/** No credentials at all. */
export const anonymous: CredentialSource = {
  find: () => Promise.resolve({ credentials: undefined, lookedAt: ["nowhere (anonymous by choice)"] }),
};

/** The first of several sources that knows. */
export function firstOf(...sources: readonly CredentialSource[]): CredentialSource {
  return {
    find: async (host, repository) => {
      const lookedAt: string[] = [];
      for (const source of sources) {
        const found = await source.find(host, repository);
        lookedAt.push(...found.lookedAt);
        if (found.credentials !== undefined) return { credentials: found.credentials, lookedAt };
      }
      return { credentials: undefined, lookedAt };
    },
  };
}
