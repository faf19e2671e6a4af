import { createHash } from "node:crypto";
import type { Digest } from "@sluice/oci";

/** Of each layer with those below it. OCI image specification, config.md, "Layer ChainID" */
export function chainIds(diffIds: readonly Digest[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    const joined = `${below} ${diffId}`;
    chain.push(below === undefined ? diffId : `sha256:${createHash("sha256").update(joined).digest("hex")}`);
  }
  return chain;
}
