export type { Driver, DriverEvent, DriverProbe, MountableDisk, MountedDisk } from "./driver.js";
export { ErofsDriver, type ErofsDriverOptions } from "./erofs/erofs-driver.js";
export { FuseNativeDriver, type FuseNativeDriverOptions } from "./fuse-native/fuse-native-driver.js";
