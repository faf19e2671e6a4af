import { randomUUID } from "node:crypto";
import { access, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AbortOptions } from "@sluice/oci";
import type { ContainerRequest, PreparedContainer } from "../control/api.js";
import type { ImageLookup } from "../disks/image-lookup.js";
import { MountBusyError } from "../fuse/index.js";
import type { Logger } from "../observe/log.js";
import type { Tracer } from "../observe/tracing.js";
import { deleteContainer } from "../run/runc.js";
import type { NodePaths } from "../state/node-paths.js";
import { identifyProcess, isAlive, type ProcessIdentity } from "../state/process-identity.js";
import { addressOf, type NodeMounts } from "./node-mounts.js";

export interface ContainersParts {
  readonly paths: NodePaths;
  readonly images: ImageLookup;
  readonly mounts: NodeMounts;
  readonly tracer: Tracer;
  readonly log: Logger;
}

/** The process that asked for a container is gone already. */
export class OwnerGoneError extends Error {
  override readonly name = "OwnerGoneError";
  readonly code = "OWNER_GONE";
}

/** How often owners are looked at: a container that was killed with its owner takes room a little longer, nothing worse. Milliseconds. */
const reapEveryMs = 3000;

/** Root file systems of containers: each lives as long as the process that runs it, and not longer. */
export class Containers {
  readonly #parts: ContainersParts;
  readonly #owners = new Map<string, ProcessIdentity>();
  readonly #removing = new Map<string, Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #reaping: Promise<void> | undefined;

  constructor(parts: ContainersParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => void this.reap(), reapEveryMs).unref();
  }

  /** Ids and owners of containers that are prepared or run. */
  get owners(): ReadonlyMap<string, ProcessIdentity> {
    return this.#owners;
  }

  prepare(request: ContainerRequest, options?: AbortOptions): Promise<PreparedContainer> {
    const { reference } = request;
    return this.#parts.tracer.step("start", { reference, kind: "container" }, () => this.#prepare(request, options));
  }

  async #prepare(request: ContainerRequest, options?: AbortOptions): Promise<PreparedContainer> {
    const { paths, images, mounts } = this.#parts;
    const owner = await identifyProcess(request.ownerPid);
    if (!owner) throw new OwnerGoneError(`process ${request.ownerPid}, which asked for the container, is gone`);
    const address = addressOf(request);
    const stored = await images.find(address, options);
    const id = randomUUID();
    const bundle = join(paths.containers, id);
    const rootfs = join(bundle, "rootfs");
    await mkdir(rootfs, { recursive: true, mode: 0o700 });
    this.#owners.set(id, owner);
    try {
      const mount = await mounts.add(
        {
          id,
          address: stored.addresses[0] ?? request,
          mountpoint: rootfs,
          driver: request.driver,
          writable: true,
          owner,
          record: request.record,
        },
        stored,
        options,
      );
      const imageConfig = Buffer.from(stored.image.configBytes).toString("utf8");
      return { id, rootfs, bundle, imageConfig, driver: mount.driver, reason: mount.reason, disk: mount.disk };
    } catch (error) {
      this.#owners.delete(id);
      await rm(bundle, { recursive: true, force: true });
      throw error;
    }
  }

  /** Ends what still runs of the container and removes what it had. Not there: nothing done. */
  remove(id: string): Promise<void> {
    const known = this.#removing.get(id);
    if (known !== undefined) return known;
    const removing = this.#remove(id).finally(() => this.#removing.delete(id));
    this.#removing.set(id, removing);
    return removing;
  }

  async #remove(id: string): Promise<void> {
    const { paths, mounts } = this.#parts;
    const bundle = join(paths.containers, id);
    const rootfs = join(bundle, "rootfs");
    await this.#endProcesses(id);
    if (mounts.has(rootfs)) {
      await mounts.unmount({ mountpoint: rootfs, detach: false }).catch(async (error: unknown) => {
        if (!(error instanceof MountBusyError)) throw error;
        await mounts.unmount({ mountpoint: rootfs, detach: true });
      });
    } else {
      await mounts.forget(id); // of an earlier life of the daemon
    }
    await rm(bundle, { recursive: true, force: true });
    this.#owners.delete(id);
  }

  /** Removes the containers whose owner is gone. Never rejects. One round at a time: a caller who comes during one waits for its end. */
  reap(): Promise<void> {
    this.#reaping ??= this.#reap().finally(() => {
      this.#reaping = undefined;
    });
    return this.#reaping;
  }

  async #reap(): Promise<void> {
    for (const [id, owner] of this.#owners) {
      if (await isAlive(owner)) continue;
      try {
        await this.remove(id);
        this.#parts.log.info({ container: id, owner: owner.pid }, "container removed: its owner is gone");
      } catch (error) {
        this.#parts.log.error({ err: error, container: id }, "container not removed, trying again");
      }
    }
  }

  /**
   * Looks after a container of an earlier life of the daemon, whose root file system cannot be brought back under its feet: it ends with its owner,
   * or at once when that is gone.
   */
  adopt(id: string, owner: ProcessIdentity): void {
    this.#owners.set(id, owner);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #endProcesses(id: string): Promise<void> {
    const { runc } = this.#parts.paths;
    const known = await access(join(runc, id)).then(
      () => true,
      () => false,
    );
    if (known) await deleteContainer({ stateFolder: runc, id });
  }
}
