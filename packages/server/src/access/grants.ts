/** What may be done in a repository: to blobs and manifests, and to lists and settings. */
export const actions = ["content/read", "content/write", "content/delete", "metadata/read", "metadata/write"] as const;
export type Action = (typeof actions)[number];

/** Actions in the repositories that a pattern names. Grants add up. */
export interface Grant {
  /** A name, or a beginning of names: `team/*`, `*`. A star stands at the end only. */
  readonly repository: string;
  readonly actions: readonly Action[];
}

/** A repository's name, or a beginning of one with a star behind it. */
export const repositoryPattern: RegExp =
  /^(?:[a-z0-9]+(?:[._-]+[a-z0-9]+)*\/)*(?:[a-z0-9]+(?:[._-]+[a-z0-9]+)*\*?|\*)$/;

export function allows(grants: readonly Grant[], repository: string, action: Action): boolean {
  return grants.some((grant) => grant.actions.includes(action) && matches(grant.repository, repository));
}

function matches(pattern: string, repository: string): boolean {
  return pattern.endsWith("*") ? repository.startsWith(pattern.slice(0, -1)) : pattern === repository;
}

/** Everything, everywhere. */
export const everything: readonly Grant[] = [{ repository: "*", actions }];
/** Pull and list, everywhere. */
export const readEverything: readonly Grant[] = [{ repository: "*", actions: ["content/read", "metadata/read"] }];

/** The words of Docker's token protocol, which clients speak. */
const actionsOfWord: Readonly<Record<string, readonly Action[]>> = {
  pull: ["content/read", "metadata/read"],
  push: ["content/write", "metadata/write"],
  delete: ["content/delete"],
  "*": actions,
};

/** What `pull,push` asks for; unknown words ask for nothing. */
export const actionsOfWords = (words: string): readonly Action[] => [
  ...new Set(words.split(",").flatMap((word) => actionsOfWord[word] ?? [])),
];

/** The word of {@link actionsOfWord} that a client must ask for to be allowed an action. */
export const wordOf = (action: Action): string =>
  action === "content/delete" ? "delete" : action.endsWith("/read") ? "pull" : "pull,push";
