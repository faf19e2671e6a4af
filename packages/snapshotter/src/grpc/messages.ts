import type { SnapshotKind, SnapshotRecord } from "../snapshots/snapshot-record.js";

/** As proto-loader gives `google.protobuf.Timestamp`, 64-bit numbers as strings. */
interface Timestamp {
  readonly seconds: string;
  readonly nanos: number;
}

/** Names of the enum `Kind` of snapshots.proto. */
const kinds: Readonly<Record<SnapshotKind, string>> = { view: "VIEW", active: "ACTIVE", committed: "COMMITTED" };

export interface InfoMessage {
  readonly name: string;
  readonly parent: string;
  readonly kind: string;
  readonly created_at: Timestamp;
  readonly updated_at: Timestamp;
  readonly labels: Readonly<Record<string, string>>;
}

export const infoOf = (record: SnapshotRecord): InfoMessage => ({
  name: record.name,
  parent: record.parent,
  kind: kinds[record.kind],
  created_at: timestampOf(record.createdNs),
  updated_at: timestampOf(record.updatedNs),
  labels: record.labels,
});

const perSecond = 1_000_000_000n;

const timestampOf = (nanoseconds: bigint): Timestamp => ({
  seconds: String(nanoseconds / perSecond),
  nanos: Number(nanoseconds % perSecond),
});
