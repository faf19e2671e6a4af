import { join } from "node:path";
import { ErofsDriver, FuseNativeDriver } from "@sluice/snapshotter";
import { fileChunksModule } from "@sluice/snapshotter/testing";
import { describe } from "vitest";
import { driverSuite } from "./driver-suite.js";

driverSuite(
  "erofs",
  ({ work, ...rig }) => new ErofsDriver({ ...rig, mountpoint: join(work, "disks"), readerModule: fileChunksModule }),
);

driverSuite(
  "fuse-native",
  ({ deadlineMs, onEvent }) => new FuseNativeDriver({ owner: `test-${process.pid}`, deadlineMs, onEvent }),
);

describe("through a loop device", () => {
  driverSuite(
    "erofs",
    ({ work, ...rig }) =>
      new ErofsDriver({ ...rig, mountpoint: join(work, "disks"), readerModule: fileChunksModule, backing: "loop" }),
  );
});
