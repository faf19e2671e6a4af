/** The name by which containerd knows our snapshotter. */
export const snapshotterName = "sluice";
