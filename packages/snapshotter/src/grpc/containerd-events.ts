import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import type { PullOutcome } from "../control/api.js";

const protoFolder = fileURLToPath(new URL("../../src/grpc/proto/", import.meta.url));

const loaded = loadSync(["services/events/v1/events.proto", "events/image.proto"], {
  includeDirs: [protoFolder],
  keepCase: true,
});
const imageUpdate = "containerd.services.images.v1.ImageUpdate";
// By their names in the files that are loaded above.
const publish = (loaded["containerd.services.events.v1.Events"] as grpc.ServiceDefinition)["Publish"];
const { serialize } = loaded[imageUpdate] as MessageTypeDefinition<object, object>;

/**
 * By how the pull went. None of them must match `topic~="/images/"`: at such a topic containerd's CRI looks after its own images.
 * containerd internal/cri/server/events/events.go
 */
const topics = { streamed: "/sluice/pulls/streamed", asUsual: "/sluice/pulls/fallback" } as const;
/** containerd answers within moments; nobody waits for it. Milliseconds. */
const deadlineMs = 5000;
/** containerd keeps no label, but logs say what it was told. Characters. */
const maxTextLength = 1000;

/** Tells containerd how its pulls went, as events that `ctr events` shows and any subscriber of its events gets. */
export class ContainerdEvents {
  readonly #client: grpc.Client;
  readonly #onProblem: (error: unknown) => void;

  /** @param onProblem called when containerd was not told; nothing else comes of it */
  constructor(socketPath: string, onProblem: (error: unknown) => void) {
    this.#client = new grpc.Client(`unix:${socketPath}`, grpc.credentials.createInsecure());
    this.#onProblem = onProblem;
  }

  /** @param namespace of containerd, in which the image is pulled */
  tell(namespace: string, reference: string, { streamed, reason }: PullOutcome): void {
    if (publish === undefined) throw new TypeError("containerd's events have no call Publish");
    const labels = reason && { code: reason.code, message: cut(reason.message), cure: reason.cure };
    // A message that every client of containerd can read, which one of ours would not be.
    const event = { type_url: imageUpdate, value: serialize({ name: reference, labels }) };
    const metadata = new grpc.Metadata();
    metadata.set("containerd-namespace", namespace);
    const message = { topic: streamed ? topics.streamed : topics.asUsual, event };
    const settings = { deadline: Date.now() + deadlineMs };
    const told = (error: unknown): void => {
      if (error !== null) this.#onProblem(error);
    };
    const { path, requestSerialize, responseDeserialize } = publish;
    try {
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, metadata, settings, told);
    } catch (error) {
      told(error); // closed meanwhile
    }
  }

  close(): void {
    this.#client.close();
  }
}

const cut = (text: string): string => text.slice(0, maxTextLength);
