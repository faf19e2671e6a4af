import { expect, it } from "vitest";
import { PassingHolds } from "./passing-holds.js";

function leases() {
  const released: string[] = [];
  const lease = (path: string) => ({ path, release: async () => void released.push(path) });
  return { released, lease };
}

it("a passing hold lets go by itself, each in its time", async () => {
  const { released, lease } = leases();
  const holds = new PassingHolds(5, () => undefined);
  holds.hold(lease("a"));
  holds.hold(lease("b"));
  expect(released).toEqual([]);
  await expect.poll(() => released).toEqual(["a", "b"]);
});

it("passing holds let go of all at once when they are closed, and of none twice", async () => {
  const { released, lease } = leases();
  const holds = new PassingHolds(60_000, () => undefined);
  holds.hold(lease("a"));
  holds.hold(lease("b"));
  await Promise.all([holds.close(), holds.close()]);
  expect(released).toEqual(["a", "b"]);
});

it("a passing hold that cannot let go says why, and the others go on", async () => {
  const { released, lease } = leases();
  const errors: unknown[] = [];
  const holds = new PassingHolds(60_000, (error) => errors.push(error));
  holds.hold({ path: "bad", release: () => Promise.reject(new Error("busy")) });
  holds.hold(lease("good"));
  await holds.close();
  expect(errors).toEqual([new Error("busy")]);
  expect(released).toEqual(["good"]);
});
