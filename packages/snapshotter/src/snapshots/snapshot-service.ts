import type { AbortOptions } from "@sluice/oci";
import type { SnapshotMount } from "./snapshot-mounts.js";
import type { SnapshotRecord, SnapshotUsage } from "./snapshot-record.js";

export interface NewSnapshot {
  /** Of containerd, in which it is made; undefined when it said none. */
  readonly namespace?: string | undefined;
  readonly key: string;
  /** Name of a committed snapshot; empty for none. */
  readonly parent: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface CommitRequest {
  /** Of the active snapshot, which is not found under it any more. */
  readonly key: string;
  /** Of what it becomes. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** For one that was made without a parent: what it is built on. Empty: as it was made. */
  readonly parent: string;
}

/** containerd's snapshotter, call by call. What cannot be done is a SnapshotError. @see https://pkg.go.dev/github.com/containerd/containerd/v2/core/snapshots#Snapshotter */
export interface SnapshotService {
  /**
   * Makes a snapshot that is written to, or one that is only read.
   *
   * @throws {SnapshotError} ALREADY_EXISTS also when the labels name a layer that need not be unpacked: it can be found by its label then
   */
  create(kind: "active" | "view", request: NewSnapshot, options?: AbortOptions): Promise<SnapshotMount[]>;
  /** Of an active snapshot or a view, any number of times. */
  mounts(key: string, options?: AbortOptions): Promise<SnapshotMount[]>;
  commit(request: CommitRequest): Promise<void>;
  /** The name is free at once; {@link cleanup} waits for the room. */
  remove(key: string): Promise<void>;
  stat(key: string): SnapshotRecord;
  /** @param fields of a field mask */
  update(key: string, labels: Readonly<Record<string, string>>, fields: readonly string[]): Promise<SnapshotRecord>;
  usage(key: string): Promise<SnapshotUsage>;
  list(filters: readonly string[]): readonly SnapshotRecord[];
  cleanup(): Promise<void>;
}
