import type { Target } from "./target.js";

/** Of the distribution specification, "Conformance". A registry must have `pull`, and may have the rest. */
export type Workflow = "pull" | "push" | "content-discovery" | "content-management";

/** One thing that the specification says. */
export interface ConformanceCase {
  readonly workflow: Workflow;
  /** A sentence about the registry. */
  readonly name: string;
  /** @throws when the registry does not; {@link NotOffered} where it may choose not to */
  readonly run: (target: Target) => Promise<void>;
}

/** The registry does not do what the specification leaves to it. */
export class NotOffered extends Error {
  override readonly name = "NotOffered";
}

/** The cases of one workflow. */
export const casesOf = (
  workflow: Workflow,
  cases: Readonly<Record<string, (target: Target) => Promise<void>>>,
): readonly ConformanceCase[] => Object.entries(cases).map(([name, run]) => ({ workflow, name, run }));
