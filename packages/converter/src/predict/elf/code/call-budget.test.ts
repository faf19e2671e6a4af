import { expect, it } from "vitest";
import { limits } from "../../limits.js";
import { CallBudget } from "./call-budget.js";

it("lets no more be read than the limit, whatever was refused before", () => {
  const budget = new CallBudget();
  expect(budget.mayRead(limits.calledReadBytes + 1)).toBe(false);
  expect(budget.mayRead(limits.calledReadBytes)).toBe(true);
  expect(budget.mayRead(1)).toBe(false);
});

it("is spent behind the limit of what is looked at", () => {
  const budget = new CallBudget();
  budget.spend(limits.calledWorkBytes);
  expect(budget.isSpent).toBe(false);
  budget.spend(1);
  expect(budget.isSpent).toBe(true);
});
