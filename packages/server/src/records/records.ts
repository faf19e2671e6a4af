import type { AbortOptions } from "@sluice/oci";
import type { EitherWayPage } from "./page.js";

/** A document with the version that its next writer must name. */
export interface Record<T> {
  readonly key: string;
  /** From 1 on; one more after each write. */
  readonly version: number;
  readonly document: T;
}

/** A record that is not there yet. */
export interface NewRecord {
  readonly kind: string;
  readonly key: string;
  readonly document: unknown;
}

/** What is to become of a record. */
export interface RecordChange {
  readonly kind: string;
  readonly key: string;
  /** Undefined: the record goes; JSON has no undefined. */
  readonly document: unknown;
  /** As in {@link Records.put}. */
  readonly version?: number | undefined;
}

/** Somebody else wrote the record meanwhile, or it is there although it should not be, or the other way round. */
export class RecordConflictError extends Error {
  override readonly name = "RecordConflictError";
  readonly code = "RECORD_CONFLICT";
}

/**
 * Small documents by kind and key: what a registry is told about itself, such as its users. JSON goes in and out; whoever reads it owns its
 * form. Every write is atomic, durable when it returns, and seen by every later read of every process.
 */
export interface Records {
  get<T>(kind: string, key: string, options?: AbortOptions): Promise<Record<T> | undefined>;

  /**
   * Writes a document. `version` is that of the record it was made from; 0 for one that must not be there yet; undefined for whatever there is.
   * @returns the new version
   * @throws {RecordConflictError} and nothing is written
   */
  put(kind: string, key: string, document: unknown, version?: number, options?: AbortOptions): Promise<number>;

  /**
   * Several changes in one step, each of another record.
   * @throws {RecordConflictError} when one of the versions is not what is there, and nothing is written
   */
  write(changes: readonly RecordChange[], options?: AbortOptions): Promise<void>;

  /** @returns false if it was not there */
  delete(kind: string, key: string, options?: AbortOptions): Promise<boolean>;

  /** By key. */
  list<T>(kind: string, page: EitherWayPage, options?: AbortOptions): Promise<readonly Record<T>[]>;
}
