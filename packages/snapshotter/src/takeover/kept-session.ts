import type { FuseSessionOptions } from "../fuse/index.js";
import type { AttachedKeeper } from "../keeper/attached-keeper.js";
import type { NodePaths } from "../state/node-paths.js";
import { type SessionRecord, SessionRecordFile } from "./session-record.js";

/** The FUSE session of a daemon that has a keeper: what an earlier daemon left of it, and what this one leaves. */
export class KeptSession {
  readonly keeper: AttachedKeeper;
  /** Undefined for the first daemon on these descriptors that has anything mounted. */
  readonly earlier: SessionRecord | undefined;
  readonly #file: SessionRecordFile;
  readonly #handlesFolder: string;

  private constructor(keeper: AttachedKeeper, paths: NodePaths, file: SessionRecordFile, earlier?: SessionRecord) {
    this.keeper = keeper;
    this.#file = file;
    this.#handlesFolder = paths.openHandles;
    this.earlier = earlier;
  }

  static async open(keeper: AttachedKeeper, paths: NodePaths): Promise<KeptSession> {
    const file = new SessionRecordFile(paths.sessionRecord);
    return new KeptSession(keeper, paths, file, await file.read(keeper.token));
  }

  /** How many daemons went on with this connection after the one that began it. */
  get takeOvers(): number {
    return this.earlier === undefined ? 0 : this.earlier.takeOvers + 1;
  }

  /** Nothing where the keeper has no descriptors: a session ends with the daemon then. */
  get options(): Pick<FuseSessionOptions, "devices" | "handlesFolder" | "onState"> {
    const { token, devices } = this.keeper;
    if (devices.length === 0) return {};
    return {
      devices,
      handlesFolder: this.#handlesFolder,
      onState: (state) => this.#file.write({ ...state, token, takeOvers: this.takeOvers }),
    };
  }
}
