import fc from "fast-check";
import { expect, it } from "vitest";
import { generationOf, nextGeneration, slotState, stateOf, withState } from "./slot-word.js";

const state = fc.constantFrom(...Object.values(slotState));
const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

it("a word gives back the state that was put into it, and keeps its generation", () => {
  fc.assert(
    fc.property(word, state, (old, next) => {
      expect(stateOf(withState(old, next))).toBe(next);
      expect(generationOf(withState(old, next))).toBe(generationOf(old));
    }),
  );
});

it("the next generation is another one, also when it wraps, and stays a 32-bit integer", () => {
  fc.assert(
    fc.property(word, state, (old, next) => {
      const changed = nextGeneration(old, next);
      expect(stateOf(changed)).toBe(next);
      expect(generationOf(changed)).not.toBe(generationOf(old));
      expect(changed | 0).toBe(changed);
    }),
  );
});
