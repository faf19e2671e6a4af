import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Patience } from "./patience.js";

describe("the patience of a keeper", () => {
  it("starts the next daemon at once when one that served has died, however often", () => {
    const patience = new Patience(1000);
    for (let time = 0; time < 100_000; time += 600) {
      expect(patience.afterDeath(time, 600)).toEqual({ kind: "start", afterMs: 0 });
    }
  });

  it("waits longer from one failure to the next, and not longer than two seconds", () => {
    const patience = new Patience(1_000_000);
    const pauses = Array.from({ length: 12 }, (_, i) => patience.afterDeath(i, undefined));
    expect(pauses.map((next) => (next.kind === "start" ? next.afterMs : -1))).toEqual([
      0, 50, 100, 200, 400, 800, 1600, 2000, 2000, 2000, 2000, 2000,
    ]);
  });

  it("takes one that died as soon as it served for a failure, and forgets failures once one lived", () => {
    const patience = new Patience(1000);
    expect(patience.afterDeath(0, 10)).toEqual({ kind: "start", afterMs: 0 });
    expect(patience.afterDeath(900, 10)).toEqual({ kind: "start", afterMs: 50 });
    expect(patience.afterDeath(1500, 600)).toEqual({ kind: "start", afterMs: 0 });
    expect(patience.afterDeath(2000, undefined)).toEqual({ kind: "start", afterMs: 0 });
    expect(patience.afterDeath(3000, undefined)).toEqual({ kind: "give-up" });
  });

  it("never goes on failing for longer than it was told to", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 50 }), (lives) => {
        const patience = new Patience(1000);
        let now = 0;
        for (const lifeMs of lives) {
          now += lifeMs;
          const next = patience.afterDeath(now, lifeMs);
          expect(next.kind === "give-up").toBe(now - (lives[0] ?? 0) >= 1000);
          if (next.kind === "give-up") return;
          now += next.afterMs;
        }
      }),
    );
  });
});
