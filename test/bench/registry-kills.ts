import { parseArgs } from "node:util";
import { startPostgres } from "@sluice/server/testing";
import { startObjectStorage } from "@sluice/store/testing";
import { type KillsOptions, runKills } from "../support/kills/run-kills.js";

/**
 * Kills `sluice serve` in the middle of pushes, collections, conversions and deletions by turns, starts it again, and looks by the public API alone whether
 * it holds what it acknowledged, nothing half, and every conversion comes to an end:
 *
 *     node test/bench/run.js registry-kills [--kills 100] [--seed 1] [--shared]
 *
 * `--shared`: on PostgreSQL and S3 (Ceph), which are started for it. Prints a line for each kill and a report as JSON; fails on any complaint, of which one is that no kill hit one of the four.
 */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: "string", default: "100" },
      seed: { type: "string", default: "1" },
      shared: { type: "boolean", default: false },
    },
  });
  const options = { kills: Number(values.kills), seed: Number(values.seed), onLine: console.log };
  const report = values.shared ? await onSharedStorage(options) : await runKills(options);
  console.log(JSON.stringify(report, undefined, 2));
  if (report.complaints.length > 0) process.exitCode = 1;
}

async function onSharedStorage(options: KillsOptions): ReturnType<typeof runKills> {
  await using storage = await startObjectStorage();
  await using postgres = await startPostgres();
  const { bucket, endpoint, credentials } = storage;
  const shared = { postgres: await postgres.newDatabase(), s3: { bucket, endpoint } };
  return await runKills({ ...options, longestLifeMs: 8_000, configuration: { storage: shared }, env: credentials });
}
