import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Digest } from "@sluice/oci";

/** Where a node keeps what: everything lies below one data root. */
export class NodePaths {
  readonly root: string;
  constructor(root: string) {
    this.root = root;
  }
  /** Tells mounts of this data root from those of others, where mounts have names. Sixteen hex digits. */
  get owner(): string {
    return createHash("sha256").update(this.root).digest("hex").slice(0, 16);
  }
  /** Sockets and what is worthless after a reboot. */
  get run(): string {
    return join(this.root, "run");
  }
  get controlSocket(): string {
    return join(this.run, "daemon.sock");
  }
  /** Who serves this root: `{pid, startTicks}`. */
  get daemonFile(): string {
    return join(this.run, "daemon.json");
  }
  /** What the next daemon on the same descriptors of /dev/fuse needs. */
  get sessionRecord(): string {
    return join(this.run, "fuse-session.json");
  }
  /** The openings of disks that the kernel knows, a file each. */
  get openHandles(): string {
    return join(this.run, "open");
  }
  /** How the next daemon is started, for a keeper that is told to replace the one that runs. */
  get nextCommand(): string {
    return join(this.run, "next-daemon.json");
  }
  /** The one FUSE mount: a file per mounted disk. */
  get session(): string {
    return join(this.run, "fuse");
  }
  /** The FUSE mount of disks whose reads are recorded. */
  get recordingSession(): string {
    return join(this.run, "fuse-recording");
  }
  /** Below it, one folder per container of `run`: bundle, root file system. */
  get containers(): string {
    return join(this.run, "containers");
  }
  /** runc's own state. */
  get runc(): string {
    return join(this.run, "runc");
  }
  get log(): string {
    return join(this.root, "log", "daemon.log");
  }
  get store(): string {
    return join(this.root, "store");
  }
  get disks(): string {
    return join(this.root, "disks");
  }
  /** What a restart needs of one image. */
  disk(artifact: Digest): string {
    return join(this.disks, folderOf(artifact));
  }
  /** Says that what a start of this artifact touched was offered from here. */
  offered(artifact: Digest): string {
    return join(this.root, "offered", folderOf(artifact));
  }
  /** Where a disk is mounted once, read-only, for overlays and binds. */
  get lower(): string {
    return join(this.root, "lower");
  }
  /** The journal of mounts. */
  get mounts(): string {
    return join(this.root, "mounts");
  }
  /** Folders of the snapshots that were unpacked. Short: a hundred of them must fit into the options of one mount. */
  get snapshots(): string {
    return join(this.root, "snapshots");
  }
  /** The lower layers of streamed images, merged here: a folder each, with a note of what was made and a layout with its metadata. */
  get prefixes(): string {
    return join(this.root, "prefixes");
  }
  /** What merging takes of each layer. */
  get layerIndexes(): string {
    return join(this.root, "layer-indexes");
  }
  /** The records of the snapshots. */
  get snapshotIndex(): string {
    return join(this.root, "snapshot-index");
  }
  /** Upper and work folders of a writable mount. */
  writable(mountId: string): string {
    return join(this.root, "writable", mountId);
  }
}

/** A digest as a folder's name: 64 hex digits. */
export const folderOf = (digest: Digest): string => digest.slice("sha256:".length);
