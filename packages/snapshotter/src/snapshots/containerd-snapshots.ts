import type { PullOutcome } from "../control/api.js";
import { ContainerdEvents } from "../grpc/containerd-events.js";
import { serveSnapshots } from "../grpc/snapshots-server.js";
import type { Logger } from "../observe/log.js";
import type { NodePaths } from "../state/node-paths.js";
import { overlayOptions } from "./overlay-options.js";
import { Snapshots } from "./snapshots.js";
import type { StreamedLayers } from "./streamed-layers.js";

/** Snapshots that containerd is served. */
export interface ContainerdSnapshots {
  readonly snapshots: Snapshots;
  /** Tells containerd how one of its pulls went. */
  tell(namespace: string, reference: string, outcome: PullOutcome): void;
  close(): Promise<void>;
}

interface ContainerdParts {
  readonly paths: NodePaths;
  readonly streamed: StreamedLayers;
  /** containerd's own socket, for its events. */
  readonly containerdSocket: string;
  readonly log: Logger;
}

/**
 * Serves containerd's snapshotter on a unix socket. Loaded only by a daemon that has one to serve.
 *
 * @throws {SocketPathError}
 */
export async function serveContainerd(
  socketPath: string,
  { paths, streamed, containerdSocket, log }: ContainerdParts,
): Promise<ContainerdSnapshots> {
  const snapshots = await Snapshots.open({
    folder: paths.snapshots,
    indexFolder: paths.snapshotIndex,
    overlayOptions: await overlayOptions(),
    streamed,
    log,
  });
  try {
    const server = await serveSnapshots(socketPath, snapshots, log);
    const events = new ContainerdEvents(containerdSocket, (error) =>
      log.debug({ err: error, containerdSocket }, "containerd was not told of a pull"),
    );
    log.info({ socket: socketPath }, "containerd's snapshotter serves");
    return {
      snapshots,
      tell: events.tell.bind(events),
      close: async () => {
        await server.close();
        events.close();
        await snapshots.close();
      },
    };
  } catch (error) {
    await snapshots.close();
    throw error;
  }
}
