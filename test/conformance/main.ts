import { targetOfEnvironment, workflowsOfEnvironment } from "./environment.js";
import { runCases } from "./run-cases.js";

/** Tests the registry that the environment names; a line for each case, and the sum. Exit code 1 when one failed. */
export async function main(): Promise<void> {
  const counts = { passed: 0, failed: 0, "not offered": 0 };
  for await (const { workflow, name, result, reason } of runCases(
    targetOfEnvironment(process.env),
    workflowsOfEnvironment(process.env),
  )) {
    counts[result]++;
    process.stdout.write(`${result.padEnd(12)}${workflow}: ${name}${reason === "" ? "" : ` (${reason})`}\n`);
  }
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts["not offered"]} not offered\n`);
  if (counts.failed > 0) process.exitCode = 1;
}
