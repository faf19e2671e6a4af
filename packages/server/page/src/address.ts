/** Where in the page somebody is: it stands behind the `#`, so that links can be kept and sent, and nothing of it reaches the network. */
export interface Address {
  readonly view: string;
  readonly query: URLSearchParams;
}

export function currentAddress(): Address {
  const [view = "", query = ""] = location.hash.slice(1).split("?", 2);
  return { view, query: new URLSearchParams(query) };
}

export const repositoryLink = (repository: string): string =>
  `#repository?${new URLSearchParams({ name: repository })}`;

/** @param reference a tag or a digest */
export const imageLink = (repository: string, reference: string): string =>
  `#image?${new URLSearchParams({ repository, reference })}`;
