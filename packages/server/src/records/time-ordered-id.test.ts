import { expect, it } from "vitest";
import { timeOrderedId } from "./time-ordered-id.js";

it("makes UUIDs that sort by when they were made, also within a millisecond", () => {
  const ids = Array.from({ length: 1000 }, () => timeOrderedId());
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([...ids].sort()).toEqual(ids);
});
