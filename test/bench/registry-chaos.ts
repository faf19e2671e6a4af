import { parseArgs } from "node:util";
import { startPostgres } from "@sluice/server/testing";
import { startObjectStorage } from "@sluice/store/testing";
import { runChaos } from "../support/kills/run-chaos.js";

/**
 * Three `serve` and two `worker` processes on PostgreSQL and S3 (Ceph), which are started for it, one killed each ten seconds, under clients that push,
 * delete and convert. Fails when anything that was acknowledged is lost or half there, or an image was converted twice, or when no kill hit a conversion:
 *
 *     node test/bench/run.js registry-chaos [--minutes 5] [--seed 1]
 */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { minutes: { type: "string", default: "5" }, seed: { type: "string", default: "1" } },
  });
  await using objects = await startObjectStorage();
  await using postgres = await startPostgres();
  const { bucket, endpoint, credentials } = objects;
  Object.assign(process.env, credentials); // workers take them from there
  const report = await runChaos({
    seed: Number(values.seed),
    seconds: Number(values.minutes) * 60,
    secondsBetweenKills: 10,
    storage: { postgres: await postgres.newDatabase(), s3: { bucket, endpoint } },
    env: credentials,
    onLine: console.log,
  });
  console.log(JSON.stringify(report, undefined, 2));
  if (report.complaints.length > 0) process.exitCode = 1;
}
