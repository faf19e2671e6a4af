import { describe, expect, it } from "vitest";
import { LentPieces } from "./piece-pool.js";

const megabyte = 1024 * 1024;
const fast = (): LentPieces => Object.assign(new LentPieces(), { isFast: true });
const takes = (answers: readonly LentPieces[]): number[] => answers.map((answer) => answer.take(megabyte).length);

describe("the memory of answers", () => {
  it("is large for fast clients up to a bound over all of them, and small beyond it", () => {
    const answers = Array.from({ length: 100 }, fast);
    const sizes = takes(answers);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(40 * megabyte);
    expect(Math.max(...sizes)).toBeGreaterThan(Math.min(...sizes));
    for (const answer of answers) answer.forget();
  });

  it("counts neither what was given back nor what an answer took with it", () => {
    const [first, second] = [fast(), fast()];
    const piece = first.take(megabyte);
    first.giveBack(piece);
    first.giveBack(piece);
    for (let at = 0; at < 100; at++) second.take(megabyte);
    expect(first.take(megabyte).length).toBeLessThan(piece.length);
    second.forget();
    expect(first.take(megabyte).length).toBe(piece.length);
    first.forget();
  });
});
