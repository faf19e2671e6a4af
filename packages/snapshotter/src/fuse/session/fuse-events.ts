import type { ReadFailedError } from "./misses.js";

/** Something the operator should see. None of it leaves a reader without an answer. */
export type FuseEvent =
  /** A read was answered with EIO. */
  | { readonly kind: "read-failed"; readonly error: ReadFailedError }
  /** A request was answered with EIO because answering it threw. */
  | { readonly kind: "request-failed"; readonly what: string; readonly error: unknown }
  /** A worker thread ended by accident; its request got EIO and another thread took its place. */
  | { readonly kind: "worker-died"; readonly thread: number; readonly error: unknown }
  /** Workers die faster than they can be replaced. The connection was ended: every reader gets an error instead of waiting for ever. */
  | { readonly kind: "session-failed"; readonly error: unknown }
  /** Pages could not be put into the page cache, or the thread that does so died. They are read when they are asked for. */
  | { readonly kind: "push-failed"; readonly error: unknown }
  /** The push thread died again and again; nothing is pushed any more. */
  | { readonly kind: "push-stopped"; readonly error: unknown };
