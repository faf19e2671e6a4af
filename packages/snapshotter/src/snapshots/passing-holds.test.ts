import { sha256Of } from "@sluice/oci";
import { expect, it } from "vitest";
import { PassingHolds } from "./passing-holds.js";

const artifact = sha256Of("artifact");

function leases() {
  const released: string[] = [];
  const lease = (path: string) => ({ path, release: async () => void released.push(path) });
  return { released, lease };
}

it("a passing hold lets go by itself, each in its time", async () => {
  const { released, lease } = leases();
  const holds = new PassingHolds(5, () => undefined);
  holds.hold(lease("a"), artifact);
  holds.hold(lease("b"), artifact);
  expect(released).toEqual([]);
  await expect.poll(() => released).toEqual(["a", "b"]);
});

it("passing holds let go of all at once when they are closed, and of none twice", async () => {
  const { released, lease } = leases();
  const holds = new PassingHolds(60_000, () => undefined);
  holds.hold(lease("a"), artifact);
  holds.hold(lease("b"), artifact);
  await Promise.all([holds.close(), holds.close()]);
  expect(released).toEqual(["a", "b"]);
});

it("a passing hold that cannot let go says why, and the others go on", async () => {
  const { released, lease } = leases();
  const errors: unknown[] = [];
  const holds = new PassingHolds(60_000, (error) => errors.push(error));
  holds.hold({ path: "bad", release: () => Promise.reject(new Error("busy")) }, artifact);
  holds.hold(lease("good"), artifact);
  await holds.close();
  expect(errors).toEqual([new Error("busy")]);
  expect(released).toEqual(["good"]);
});

it("passing holds let go of artifacts that nobody needs any more, before their time", async () => {
  const { released, lease } = leases();
  const holds = new PassingHolds(60_000, () => undefined);
  holds.hold(lease("kept"), artifact);
  holds.hold(lease("gone"), sha256Of("removed"));
  await holds.releaseOthers(new Set([artifact]));
  expect(released).toEqual(["gone"]);
  await holds.close();
  expect(released).toEqual(["gone", "kept"]);
});
