/**
 * Readers with checksums over a mounted image while its registry, its store and its disk fail by a plan:
 *
 *     node test/bench/run.js faults [--minutes M] [--seed S]
 *
 * Prints a line for each step and each life of the daemon. Fails when a byte was wrong, or a read failed that the plan does not explain. The same seed gives the same plan.
 */
import { parseArgs } from "node:util";
import type { FaultyNode } from "../support/faults/faulty-node.js";
import { runFaults } from "../support/faults/run-faults.js";

const killDaemon = (node: FaultyNode): Promise<void> => node.kill();

export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { minutes: { type: "string", default: "60" }, seed: { type: "string", default: "1" } },
  });
  const options = { seed: Number(values.seed), seconds: Number(values.minutes) * 60, onLine: console.log, killDaemon };
  const lives = await runFaults(options);
  const sum = (of: (life: (typeof lives)[number]) => number): number =>
    lives.reduce((total, life) => total + of(life), 0);
  const total = {
    seed: options.seed,
    lives: lives.length,
    reads: sum(({ reads }) => reads),
    bytesRead: sum(({ bytesRead }) => bytesRead),
    wrong: sum(({ wrong }) => wrong.length),
    unexplained: sum(({ unexplained }) => unexplained.length),
    explained: sum(({ explained }) => explained),
    healed: sum(({ store }) => store.healed),
    evictions: sum(({ store }) => store.evictions),
    mostBytesOfMemory: Math.max(...lives.map(({ after }) => after.rssBytes)),
    mostDescriptorsGained: Math.max(...lives.map(({ before, after }) => after.descriptors - before.descriptors)),
  };
  console.log(JSON.stringify(total));
  if (total.wrong + total.unexplained > 0) process.exitCode = 1;
}
