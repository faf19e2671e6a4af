import type { Artifact } from "@sluice/disk/artifact";
import type { AbortOptions, ImageManifest, Repository } from "@sluice/oci";
import type { NodeConfig, TrustPolicyName } from "../config/node-config.js";
import { NotStreamableError } from "./not-streamable.js";

/** An artifact that fits its image, before it is believed. */
export interface TrustCandidate {
  readonly repository: Repository;
  readonly source: ImageManifest;
  readonly artifact: Artifact;
}

export type TrustVerdict = { readonly trusted: true } | { readonly trusted: false; readonly because: string };

/**
 * Decides whether an artifact may stand for an image. Whoever can push to a repository can attach a referrer, so this is where a stricter
 * node says no. Chunks are checked against the TOC and the TOC against the manifest in any case. docs/threat-model.md
 */
export interface TrustPolicy {
  readonly name: TrustPolicyName;
  judge(candidate: TrustCandidate, options?: AbortOptions): Promise<TrustVerdict>;
}

export const notTrusted = ({ name }: TrustPolicy, because: string): NotStreamableError =>
  new NotStreamableError("NOT_TRUSTED", `policy ${name}: ${because}`);

/** The configuration asks for a policy that this program does not have. Never replaced by a weaker one. */
export class UnknownTrustPolicyError extends Error {
  override readonly name = "UnknownTrustPolicyError";
  readonly code = "UNKNOWN_TRUST_POLICY";
  constructor(policy: string) {
    super(`trust.policy: ${policy} is not available in this version: use "repository" or "pinned"`);
  }
}

/** @throws {UnknownTrustPolicyError} */
export function createTrustPolicy(config: NodeConfig["trust"]): TrustPolicy {
  switch (config.policy) {
    case "repository":
      return { name: "repository", judge: async () => ({ trusted: true }) };
    case "pinned":
      return pinnedPolicy(new Set(config.pins));
    default:
      throw new UnknownTrustPolicyError(config.policy);
  }
}

const pinnedPolicy = (pins: ReadonlySet<string>): TrustPolicy => ({
  name: "pinned",
  judge: async ({ artifact }) =>
    pins.has(artifact.digest)
      ? { trusted: true }
      : { trusted: false, because: `${artifact.digest} is not among the ${pins.size} of trust.pins` },
});
