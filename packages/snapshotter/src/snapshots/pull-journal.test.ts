import { expect, it } from "vitest";
import { PullJournal } from "./pull-journal.js";

it("numbers pulls by the clock and never backwards, and tells those after a number", () => {
  const journal = new PullJournal();
  journal.add("a", { streamed: true }, 1000);
  journal.add("b", { streamed: true }, 1000);
  journal.add("c", { streamed: true }, 500);
  journal.add("d", { streamed: true }, 2000);
  expect(journal.after(0).map(({ number, reference }) => `${number} ${reference}`)).toEqual([
    ...["1000 a", "1001 b", "1002 c", "2000 d"],
  ]);
  expect(journal.after(1001).map(({ reference }) => reference)).toEqual(["c", "d"]);
  expect(journal.after(2000)).toEqual([]);
});

it("remembers the last outcome of a name, and a thousand pulls", () => {
  const journal = new PullJournal();
  const reason = { code: "NO_ARTIFACT", message: "none", cure: "convert it" };
  journal.add("a", { streamed: false, reason });
  journal.add("a", { streamed: true });
  expect(journal.outcome("a")).toEqual({ streamed: true, reason: undefined });
  for (let i = 0; i < 1000; i++) journal.add(`other ${i}`, { streamed: true });
  expect(journal.outcome("a")).toBeUndefined();
  expect(journal.after(0)).toHaveLength(1000);
});
