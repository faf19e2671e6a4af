import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { AbortOptions } from "@sluice/oci";
import type { Logger } from "../observe/log.js";
import { SnapshotError, type SnapshotErrorCode } from "../snapshots/snapshot-error.js";
import type { SnapshotService } from "../snapshots/snapshot-service.js";
import { infoOf } from "./messages.js";
import { placePrivateSocket } from "./private-socket.js";
import { commitSchema, createSchema, keySchema, listSchema, parseRequest, updateSchema } from "./requests.js";

const protoFolder = fileURLToPath(new URL("../../src/grpc/proto/", import.meta.url));

const statusOf: Readonly<Record<SnapshotErrorCode, grpc.status>> = {
  NOT_FOUND: grpc.status.NOT_FOUND,
  ALREADY_EXISTS: grpc.status.ALREADY_EXISTS,
  FAILED_PRECONDITION: grpc.status.FAILED_PRECONDITION,
  INVALID_ARGUMENT: grpc.status.INVALID_ARGUMENT,
  UNAVAILABLE: grpc.status.UNAVAILABLE,
};

/** Snapshots in one message of a list, as containerd itself sends them. */
const maxPerMessage = 100;

/** Answers one call; what it resolves to is the answer's message. */
type Answer = (request: unknown, options: AbortOptions, namespace: string | undefined) => Promise<object>;

/** With which containerd says for whom it calls. containerd pkg/namespaces/grpc.go */
const namespaceHeader = "containerd-namespace";

/** Serves containerd's snapshots service on a unix socket that only its owner may open. A socket that is there is replaced. @throws {SocketPathError} */
export async function serveSnapshots(
  socketPath: string,
  service: SnapshotService,
  log: Logger,
): Promise<{ close(): Promise<void> }> {
  const server = new grpc.Server();
  server.addService(definition(), handlers(service, log));
  await placePrivateSocket(socketPath, (path) => listen(server, path));
  const close = async (): Promise<void> => {
    await rm(socketPath, { force: true });
    server.forceShutdown();
  };
  return { close };
}

function definition(): grpc.ServiceDefinition {
  const loaded = loadSync("snapshots.proto", {
    includeDirs: [protoFolder],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
  });
  // The service's own name in the file that is loaded on the line above.
  return loaded["containerd.services.snapshots.v1.Snapshots"] as grpc.ServiceDefinition;
}

function listen(server: grpc.Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
}

function handlers(service: SnapshotService, log: Logger): grpc.UntypedServiceImplementation {
  const unary = (call: string, answer: Answer): grpc.handleUnaryCall<unknown, object> => answered(call, answer, log);
  const create =
    (kind: "active" | "view"): Answer =>
    async (request, options, namespace) => ({
      mounts: await service.create(kind, { ...parseRequest(createSchema, request), namespace }, options),
    });
  const key = (request: unknown): string => parseRequest(keySchema, request).key;
  return {
    Prepare: unary("Prepare", create("active")),
    View: unary("View", create("view")),
    Mounts: unary("Mounts", async (request, options) => ({ mounts: await service.mounts(key(request), options) })),
    Commit: unary("Commit", async (request) => {
      await service.commit(parseRequest(commitSchema, request));
      return {};
    }),
    Remove: unary("Remove", async (request) => {
      await service.remove(key(request));
      return {};
    }),
    Stat: unary("Stat", async (request) => ({ info: infoOf(service.stat(key(request))) })),
    Update: unary("Update", async (request) => {
      const { info, update_mask: mask } = parseRequest(updateSchema, request);
      return { info: infoOf(await service.update(info.name, info.labels, mask?.paths ?? [])) };
    }),
    Usage: unary("Usage", async (request) => {
      const { sizeBytes, inodes } = await service.usage(key(request));
      return { size: String(sizeBytes), inodes: String(inodes) };
    }),
    Cleanup: unary("Cleanup", async () => {
      await service.cleanup();
      return {};
    }),
    List: (call: grpc.ServerWritableStream<unknown, object>): void => {
      try {
        const records = service.list(parseRequest(listSchema, call.request).filters);
        for (let i = 0; i < records.length; i += maxPerMessage) {
          call.write({ info: records.slice(i, i + maxPerMessage).map(infoOf) });
        }
        call.end();
      } catch (error) {
        call.emit("error", failure("List", error, log));
      }
    },
  };
}

/** A caller who hangs up ends what it asked for, where that can end. */
function answered(call: string, answer: Answer, log: Logger): grpc.handleUnaryCall<unknown, object> {
  return (asked, reply) => {
    const caller = new AbortController();
    asked.once("cancelled", () => caller.abort(new Error(`the caller of ${call} hung up`)));
    const namespace = asked.metadata.get(namespaceHeader)[0]?.toString();
    answer(asked.request, { signal: caller.signal }, namespace).then(
      (message) => reply(null, message),
      (error: unknown) => reply(failure(call, error, log)),
    );
  };
}

/** An error of a kind that containerd knows is its business; any other is a fault here, and logged. */
function failure(call: string, error: unknown, log: Logger): Partial<grpc.StatusObject> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof SnapshotError) return { code: statusOf[error.code], details: message };
  log.error({ err: error, call }, "snapshot call failed");
  return { code: grpc.status.UNKNOWN, details: message };
}
