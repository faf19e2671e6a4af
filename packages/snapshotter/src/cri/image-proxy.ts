import * as grpc from "@grpc/grpc-js";
import { placePrivateSocket } from "../grpc/private-socket.js";
import type { Logger } from "../observe/log.js";
import { imageService, maxMessageBytes, pullRequestSchema, socketOptions } from "./cri-messages.js";
import type { PullCredentials } from "./pull-credentials.js";

export interface ImageProxyOptions {
  /** Where the kubelet asks (`--image-service-endpoint`). */
  readonly socketPath: string;
  /** containerd's. */
  readonly containerdSocket: string;
  readonly credentials: PullCredentials;
  readonly log: Logger;
}

/** All calls of the image service. They are passed on as they come, byte for byte: fields that are newer than this program, too. */
const calls = ["ListImages", "ImageStatus", "PullImage", "RemoveImage", "ImageFsInfo"];

const same = (bytes: Buffer): Buffer => bytes;

/** Serves the image service of the container runtime interface by asking containerd, and notes who pulls what. @throws {SocketPathError} */
export async function serveImageProxy(options: ImageProxyOptions): Promise<{ close(): Promise<void> }> {
  const upstream = new grpc.Client(
    `unix:${options.containerdSocket}`,
    grpc.credentials.createInsecure(),
    socketOptions,
  );
  const server = new grpc.Server(socketOptions);
  server.addService(
    Object.fromEntries(calls.map((call) => [call, passedOn(call)])),
    Object.fromEntries(calls.map((call) => [call, handlerOf(call, upstream, options)])),
  );
  await placePrivateSocket(
    options.socketPath,
    (path) =>
      new Promise((resolve, reject) => {
        server.bindAsync(`unix:${path}`, grpc.ServerCredentials.createInsecure(), (error) =>
          error ? reject(error) : resolve(),
        );
      }),
  );
  return {
    close: async () => {
      server.forceShutdown();
      upstream.close();
    },
  };
}

const pathOf = (call: string): string => `/runtime.v1.ImageService/${call}`;

const passedOn = (call: string): grpc.MethodDefinition<Buffer, Buffer> => ({
  path: pathOf(call),
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

function handlerOf(
  call: string,
  upstream: grpc.Client,
  { credentials, log }: ImageProxyOptions,
): grpc.handleUnaryCall<Buffer, Buffer> {
  return (asked, answer) => {
    // Before containerd begins: it asks for the layers' snapshots while it pulls.
    const pulled = call === "PullImage" ? noteCredentials(asked.request, credentials, log) : undefined;
    const passed = upstream.makeUnaryRequest(
      pathOf(call),
      same,
      same,
      asked.request,
      asked.metadata,
      { deadline: asked.getDeadline() },
      (error, value) => {
        pulled?.(error === null);
        // One of both is there, by the contract of the callback.
        if (error !== null) answer({ code: error.code, details: error.details, metadata: error.metadata });
        else answer(null, value ?? Buffer.alloc(0));
      },
    );
    asked.on("cancelled", () => passed.cancel());
  };
}

/** A pull that cannot be read is containerd's to refuse. @returns call at its end */
function noteCredentials(
  request: Buffer,
  credentials: PullCredentials,
  log: Logger,
): ReturnType<PullCredentials["note"]> | undefined {
  try {
    if (request.byteLength > maxMessageBytes) return undefined;
    const pull = imageService["PullImage"];
    const { auth, image } = pullRequestSchema.parse(pull?.requestDeserialize(request));
    return image === null ? undefined : credentials.note(image.image, auth ?? undefined);
  } catch (error) {
    log.warn({ err: error }, "the credentials of a pull could not be read");
    return undefined;
  }
}
