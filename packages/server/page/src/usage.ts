import { listAt, membersOf, numberAt, textAt } from "./document.js";
import type { Registry } from "./registry.js";

/** What a repository holds. Bytes. */
export interface Usage {
  readonly originalBytes: number;
  readonly streamingBytes: number;
}

/** By repository. The registry reads every manifest for it: ask when somebody wants to know. For administrators. */
export async function measureUsage(registry: Registry, signal: AbortSignal): Promise<ReadonlyMap<string, Usage>> {
  const document = membersOf((await registry.getSlowly("/api/v1/usage", signal)).document, "usage");
  return new Map(
    listAt(document, "repositories").map((value) => {
      const one = membersOf(value, "usage of a repository");
      return [
        textAt(one, "repository"),
        { originalBytes: numberAt(one, "originalBytes"), streamingBytes: numberAt(one, "streamingBytes") },
      ];
    }),
  );
}
