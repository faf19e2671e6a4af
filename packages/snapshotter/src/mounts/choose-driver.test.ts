import { describe, expect, it } from "vitest";
import type { Driver } from "../drivers/index.js";
import { chooseDriver } from "./choose-driver.js";

const driver = (name: Driver["name"], ok: boolean, reason: string): Driver =>
  ({ name, probe: async () => ({ ok, reason }) }) as Driver; // all that is asked of it here

describe("the choice of a driver", () => {
  const good = [driver("erofs", true, "kernel 6.18"), driver("fuse-native", true, "libfuse2")];
  const poor = [driver("erofs", false, "needs root"), driver("fuse-native", true, "libfuse2")];

  it("is the best one that works, with its reason", async () => {
    const chosen = await chooseDriver("auto", good);
    expect(chosen.driver.name).toBe("erofs");
    expect(chosen.reason).toBe("best that works here; kernel 6.18");
  });

  it("says why a better one was not taken", async () => {
    const chosen = await chooseDriver("auto", poor);
    expect(chosen.driver.name).toBe("fuse-native");
    expect(chosen.reason).toBe("libfuse2; not erofs: needs root");
  });

  it("is the one that was asked for", async () => {
    expect((await chooseDriver("fuse-native", good)).driver.name).toBe("fuse-native");
  });

  it("fails when the one that was asked for does not work, rather than taking another", async () => {
    await expect(chooseDriver("erofs", poor)).rejects.toMatchObject({
      code: "DRIVER_UNAVAILABLE",
      message: "erofs: needs root",
    });
  });

  it("fails with every reason when none works", async () => {
    const none = [driver("erofs", false, "needs root"), driver("fuse-native", false, "no libfuse2")];
    await expect(chooseDriver("auto", none)).rejects.toThrow("erofs: needs root; fuse-native: no libfuse2");
  });
});
