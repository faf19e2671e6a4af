import { allCases } from "./all-cases.js";
import { type ConformanceCase, NotOffered, type Workflow } from "./conformance-case.js";
import { Target, type TargetOptions } from "./target.js";

export interface CaseOutcome {
  readonly workflow: Workflow;
  readonly name: string;
  readonly result: "passed" | "failed" | "not offered";
  /** Why not. */
  readonly reason: string;
}

/** Runs the cases one after another: they share two repositories. */
export async function* runCases(
  options: TargetOptions,
  workflows: ReadonlySet<Workflow> = new Set(allCases.map(({ workflow }) => workflow)),
): AsyncGenerator<CaseOutcome> {
  const target = new Target(options);
  for (const one of allCases) if (workflows.has(one.workflow)) yield await outcomeOf(one, target);
}

async function outcomeOf({ workflow, name, run }: ConformanceCase, target: Target): Promise<CaseOutcome> {
  try {
    await run(target);
    return { workflow, name, result: "passed", reason: "" };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n", 1).join("") : String(error);
    return { workflow, name, result: error instanceof NotOffered ? "not offered" : "failed", reason };
  }
}
