import { describe, expect, it } from "vitest";
import { inTime } from "./in-time.js";

const never = (): Promise<never> => new Promise(() => undefined);

describe("what must be there in time", () => {
  it("is given when it is, and fails as it fails", async () => {
    expect(await inTime("it did not come", 60_000, async () => 1)).toBe(1);
    const reason = new Error("no");
    await expect(inTime("it did not come", 60_000, () => Promise.reject(reason))).rejects.toBe(reason);
  });

  it("is not waited for any longer, though it does not hear of that, and the image is not streamed", async () => {
    await expect(inTime("it did not come", 5, never)).rejects.toMatchObject({
      code: "REGISTRY_UNREACHABLE",
      message: "it did not come within 5 ms",
    });
    await expect(inTime("it did not come", 5, never, "NOT_MOUNTABLE")).rejects.toMatchObject({ code: "NOT_MOUNTABLE" });
  });

  it("is told by its signal that its time is over", async () => {
    const told = new Promise<unknown>((resolve) => {
      const work = (signal: AbortSignal): Promise<never> => {
        signal.addEventListener("abort", () => resolve(signal.reason));
        return never();
      };
      inTime("it did not come", 5, work).catch(() => undefined);
    });
    expect(await told).toMatchObject({ code: "REGISTRY_UNREACHABLE" });
  });
});
