import type { DriverChoice } from "@sluice/snapshotter/client";
import { Option } from "commander";

export interface DriverFlags {
  readonly driver: DriverChoice;
}

/** `--driver`, as every verb that mounts takes it. */
export const driverOption = (): Option =>
  new Option("--driver <driver>", "how the disk is shown; auto takes the best that works here")
    .choices(["auto", "erofs", "fuse-native"])
    .default("auto");
