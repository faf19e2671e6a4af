import type { CredentialSource } from "@sluice/oci";
import type { Upstream } from "@sluice/server";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { valueAt } from "./config-tree.js";
import { textAt } from "./serve-settings.js";

/** What a process of a registry is told of other registries. */
interface UpstreamSettings {
  readonly upstreams: readonly Upstream[];
  readonly upstreamPollMs: number | undefined;
  readonly upstreamCredentials: CredentialSource | undefined;
}

/** @param named on the command line, in place of those that are configured @throws {UsageError} */
export async function upstreamSettings(
  context: Context,
  named: readonly string[] | undefined,
  poll: string | undefined,
): Promise<UpstreamSettings> {
  const texts = named ?? textsAt(context, ["serve", "upstreams"]);
  const upstreamPollMs = await pollMsOf(poll ?? textAt(context, ["upstreamPoll"]));
  if (texts.length === 0) return { upstreams: [], upstreamPollMs, upstreamCredentials: undefined };
  const { InvalidUpstreamError, parseUpstreams } = await import("@sluice/server");
  const { dockerConfigCredentials, firstOf, secretFileCredentials } = await import("@sluice/oci");
  const files = secretFileCredentials(textsAt(context, ["credentials", "files"]));
  const environment = { ...context.surroundings.environment };
  try {
    const upstreamCredentials = firstOf(files, dockerConfigCredentials({ environment }));
    return { upstreams: parseUpstreams(texts), upstreamPollMs, upstreamCredentials };
  } catch (error) {
    if (error instanceof InvalidUpstreamError) throw new UsageError(error.message);
    throw error;
  }
}

function textsAt({ settings }: Context, path: readonly string[]): readonly string[] {
  const value = valueAt(settings.tree, path);
  return Array.isArray(value) ? value.filter((text) => typeof text === "string") : [];
}

/** More often than that, looking would never end. Milliseconds. */
const shortestPollMs = 1_000;
const longestPollMs = 24 * 60 * 60 * 1_000;

async function pollMsOf(text: string | undefined): Promise<number | undefined> {
  if (text === undefined) return undefined;
  const { parseDurationMs } = await import("@sluice/snapshotter/config");
  const pollMs = parseDurationMs(text);
  if (pollMs !== undefined && pollMs >= shortestPollMs && pollMs <= longestPollMs) return pollMs;
  throw new UsageError(`upstream poll ${text}: expected a duration from 1s to 24h`);
}
