import type { ContentDigest } from "@sluice/oci";

/** The request that made a change, for those who are told of it. */
export interface EventRequest {
  /** A UUID: events of one request have the same. */
  readonly id: string;
  /** As the client named the registry. */
  readonly host: string;
  readonly method: string;
  readonly userAgent: string;
}

/** A manifest or a tag came or went. Written with the change itself, so it has happened, and happened for good. */
export interface RegistryEvent {
  /** A UUID. An event that is told again has the same. */
  readonly id: string;
  readonly action: "push" | "delete";
  readonly repository: string;
  /** Of the manifest. */
  readonly digest: ContentDigest;
  /** Of a push: the tag that points at the manifest now; a push of several tags is as many events. Of a deletion: the tag that went alone, its manifest stays. */
  readonly tag?: string | undefined;
  readonly mediaType: string;
  /** Of the manifest. */
  readonly sizeBytes: number;
  /** Of a push: the repository did not hold the manifest before. False for tags that are put on one that is there. */
  readonly isNew: boolean;
  /** Who brought it: a client that pushed it, or the registry itself from another one. */
  readonly via: "push" | "import";
  /** Name of the account; "" for those who do not log in. */
  readonly caller: string;
  readonly request?: EventRequest | undefined;
  /** RFC 3339. */
  readonly time: string;
}

/**
 * Called after the change is durable, for each event one listener after another, before the client is answered: what takes long is only noted
 * here. Called again, also in another process and much later, when the process dies or any listener rejects: doing it twice must do no harm.
 * @returns a sentence for the client that pushed, or nothing
 */
export type EventListener = (event: RegistryEvent) => Promise<string | undefined>;
