import { afterAll, describe, it } from "vitest";
import type { Repository } from "../repository/repository.js";
import { repositorySuite } from "../testing/repository-suite.js";
import { TestRegistry, type TestRegistryOptions } from "../testing/test-registry.js";
import { fixedCredentials } from "./credentials.js";
import { RegistryClient } from "./registry-client.js";

const kinds: Record<string, TestRegistryOptions> = {
  "a repository of a registry": {},
  "a repository of a registry without referrers API (404)": { referrers: "404" },
  "a repository of a registry that answers referrers with a web page": { referrers: "html" },
  "a repository behind Basic authentication": { access: { kind: "basic", username: "ann", password: "p:w" } },
  "a repository behind tokens, with blobs on another host": {
    access: { kind: "token", username: "ann", password: "p:w" },
    redirectLifeMs: 60_000,
  },
};

const closing: AsyncDisposable[] = [];
afterAll(async () => {
  for (const owner of closing.reverse()) await owner[Symbol.asyncDispose]();
});

for (const [name, options] of Object.entries(kinds)) {
  let shared: Promise<{ registry: TestRegistry; client: RegistryClient }> | undefined;
  let count = 0;
  const start = async () => {
    const registry = await TestRegistry.start(options);
    const credentials = fixedCredentials({ kind: "password", username: "ann", password: "p:w" });
    const client = new RegistryClient({ credentials });
    closing.push(registry, client);
    return { registry, client };
  };
  const open = async (): Promise<Repository> => {
    shared ??= start();
    const { client, registry } = await shared;
    return client.repository(registry.host, `suite/number-${count++}`);
  };
  repositorySuite(name, { describe, it }, open);
}
