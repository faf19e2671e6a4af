import { describe, expect, it } from "vitest";
import { planRun } from "../support/faults/plan.js";
import { faultyNode, runFaults } from "../support/faults/run-faults.js";

describe("a node whose registry, store and disk fail by a plan, under eight readers", () => {
  // Longer runs of the same code: node test/bench/run.js faults --minutes M --seed S
  const seed = Number(process.env["SLUICE_FAULTS_SEED"] ?? 20);

  it("never gives a wrong byte, fails no read that the plan does not explain, heals, and leaks nothing", async () => {
    const lives = await runFaults({ seed, seconds: 16, killDaemon: (node) => node.kill() });
    for (const { wrong, unexplained, reads, before, after, store } of lives) {
      expect(wrong).toEqual([]);
      expect(unexplained).toEqual([]);
      expect(reads).toBeGreaterThan(50);
      expect(after.descriptors - before.descriptors).toBeLessThan(40); // connections that wait for the next request, segments
      expect(after.rssBytes).toBeLessThan(250e6);
      expect(after.diskBytes).toBeLessThan(faultyNode.diskBytes);
      expect(store.bytes).toBeLessThanOrEqual(faultyNode.budgetBytes);
    }
  });

  it("has the same plan for the same seed, and in an hour everything that can happen", () => {
    const options = { seed, seconds: 3600, deadlineMs: 20_000, canKillDaemon: true };
    const plan = planRun(options);
    expect(planRun(options)).toEqual(plan);
    expect(new Set(plan.flatMap(({ steps }) => steps.map(({ step }) => step.kind))).size).toBe(7);
    expect(new Set(plan.flatMap(({ afterwards }) => afterwards)).size).toBe(5);
    expect(plan.reduce((sum, { lengthMs }) => sum + lengthMs, 0)).toBeCloseTo(3_600_000, -4);
  });
});
