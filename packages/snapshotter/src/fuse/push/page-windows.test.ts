import { describe, expect, it } from "vitest";
import { PageWindows } from "./page-windows.js";

const run = (startBlock: number, blocks = 64) => ({ startBlock, blocks });

describe("the windows around pages that are read one by one", () => {
  it("hold the page, and come once in a moment", () => {
    let now = 0;
    const windows = new PageWindows(() => now);
    expect(windows.around(16, 70, 1000)).toEqual([run(64)]);
    expect(windows.around(16, 71, 1000)).toEqual([]);
    expect(windows.around(17, 71, 1000)).toEqual([run(64)]);
    now = 1000; // read again: the kernel has evicted it
    expect(windows.around(16, 71, 1000)).toEqual([run(64)]);
  });

  it("come four at a time to whoever walks on, and end with the metadata", () => {
    const windows = new PageWindows(() => 0);
    windows.around(16, 0, 500);
    expect(windows.around(16, 64, 500)).toEqual([run(64), run(128), run(192), run(256)]);
    expect(windows.around(16, 320, 500)).toEqual([run(320), run(384), run(448, 52)]);
  });

  it("start anew for a disk that was forgotten", () => {
    const windows = new PageWindows(() => 0);
    windows.around(16, 0, 500);
    windows.forget(16);
    expect(windows.around(16, 0, 500)).toEqual([run(0)]);
  });
});
