import { serveSnapshots } from "../grpc/snapshots-server.js";
import type { Logger } from "../observe/log.js";
import type { NodePaths } from "../state/node-paths.js";
import { overlayOptions } from "./overlay-options.js";
import { Snapshots } from "./snapshots.js";
import type { StreamedLayers } from "./streamed-layers.js";

/** Snapshots that containerd is served. */
export interface ContainerdSnapshots {
  readonly snapshots: Snapshots;
  close(): Promise<void>;
}

/**
 * Serves containerd's snapshotter on a unix socket. Loaded only by a daemon that has one to serve.
 *
 * @throws {SocketPathError}
 */
export async function serveContainerd(
  socketPath: string,
  { paths, streamed, log }: { readonly paths: NodePaths; readonly streamed: StreamedLayers; readonly log: Logger },
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
    log.info({ socket: socketPath }, "containerd's snapshotter serves");
    return {
      snapshots,
      close: async () => {
        await server.close();
        await snapshots.close();
      },
    };
  } catch (error) {
    await snapshots.close();
    throw error;
  }
}
