import { stat } from "node:fs/promises";
import type { AbortOptions, Digest } from "@sluice/oci";
import type { HeldLayers } from "../control/api.js";
import { wallClockNanoseconds } from "../fuse/index.js";
import type { Logger } from "../observe/log.js";
import { diskUsage } from "./disk-usage.js";
import { heldLayers } from "./held-layers.js";
import { mappedRoot } from "./id-mapping.js";
import { updatedLabels } from "./label-update.js";
import { LowerHolds } from "./lower-holds.js";
import { mendSnapshots } from "./mend.js";
import { notFound, SnapshotError } from "./snapshot-error.js";
import { parseFilters } from "./snapshot-filter.js";
import { type Owner, SnapshotFolders } from "./snapshot-folders.js";
import { SnapshotIndex } from "./snapshot-index.js";
import { mountsOf, type SnapshotMount } from "./snapshot-mounts.js";
import {
  labelsWithoutEmpty,
  type SnapshotRecord,
  type SnapshotUsage,
  type StreamedLayer,
  targetLabel,
} from "./snapshot-record.js";
import type { CommitRequest, NewSnapshot, SnapshotService } from "./snapshot-service.js";
import type { StreamedLayers } from "./streamed-layers.js";

export interface SnapshotsParts {
  /** Of the folders, and of the records. */
  readonly folder: string;
  readonly indexFolder: string;
  readonly overlayOptions: readonly string[];
  readonly streamed: StreamedLayers;
  readonly log: Logger;
}

/** Snapshots as containerd's own overlay snapshotter has them, and beside them layers that are claimed: shown from a disk that is streamed. */
export class Snapshots implements SnapshotService {
  readonly #parts: SnapshotsParts;
  readonly #index: SnapshotIndex;
  readonly #folders: SnapshotFolders;
  readonly #holds: LowerHolds;
  /** Artifacts whose last layer was removed, until the next {@link cleanup}. */
  readonly #removed = new Set<Digest>();

  private constructor(parts: SnapshotsParts, index: SnapshotIndex, folders: SnapshotFolders) {
    this.#parts = parts;
    this.#index = index;
    this.#folders = folders;
    this.#holds = new LowerHolds(parts.streamed);
  }

  /** What a crash left is mended before anybody sees it. */
  static async open(parts: SnapshotsParts): Promise<Snapshots> {
    const index = await SnapshotIndex.open(parts.indexFolder);
    const folders = new SnapshotFolders(parts.folder, (error) =>
      parts.log.error({ err: error }, "a removed snapshot still takes room; the next start tries again"),
    );
    await mendSnapshots(index, folders, parts.log);
    return new Snapshots(parts, index, folders);
  }

  async close(): Promise<void> {
    await this.#holds.close();
    await this.#folders.removed();
    await this.#index.close();
  }

  async create(kind: "active" | "view", request: NewSnapshot, options?: AbortOptions): Promise<SnapshotMount[]> {
    this.#check(request);
    if (kind === "active" && request.labels[targetLabel] !== undefined) await this.#claim(request, options);
    const now = wallClockNanoseconds();
    const { key: name, parent, labels } = request;
    const id = this.#index.nextId();
    const times = { createdNs: now, updatedNs: now };
    const record: SnapshotRecord = { id, name, kind, parent, ...times, labels: labelsWithoutEmpty(labels) };
    try {
      const lowers = await this.#lowers(record, options);
      const owner = mappedRoot(labels) ?? (await ownerOf(lowers[0]));
      await this.#folders.make(id, kind, owner, () =>
        this.#index.change(() => {
          this.#check(request);
          return { put: [record] };
        }),
      );
      return mountsOf(record, lowers, this.#folders, this.#parts.overlayOptions);
    } catch (error) {
      await this.#holds.release(id);
      throw error;
    }
  }

  async mounts(key: string, options?: AbortOptions): Promise<SnapshotMount[]> {
    const record = this.#index.must(key);
    if (record.kind === "committed") {
      throw new SnapshotError("FAILED_PRECONDITION", `snapshot ${JSON.stringify(key)} is neither active nor a view`);
    }
    const lowers = await this.#lowers(record, options);
    return mountsOf(record, lowers, this.#folders, this.#parts.overlayOptions);
  }

  async commit({ key, name, labels, parent }: CommitRequest): Promise<void> {
    const { id, kind } = this.#index.must(key);
    const usage = kind === "active" ? await this.#written(id) : undefined;
    await this.#index.change(() => {
      const active = this.#index.get(key);
      if (this.#index.get(name)) throw new SnapshotError("ALREADY_EXISTS", `snapshot ${JSON.stringify(name)} exists`);
      if (active?.id !== id) throw notFound(key);
      if (active.kind !== "active") {
        throw new SnapshotError("FAILED_PRECONDITION", `snapshot ${JSON.stringify(key)} is not active`);
      }
      const base = this.#rebased(active, parent);
      const now = wallClockNanoseconds();
      const times = { createdNs: now, updatedNs: now };
      const committed = { id, name, kind: "committed", parent: base, ...times, usage } as const;
      return { remove: [key], put: [{ ...committed, labels: labelsWithoutEmpty(labels) }] };
    });
    await this.#holds.release(id);
  }

  async remove(key: string): Promise<void> {
    let removed: SnapshotRecord | undefined;
    await this.#index.change(() => {
      removed = this.#index.must(key);
      if (this.#index.hasChildren(key)) {
        throw new SnapshotError("FAILED_PRECONDITION", `cannot remove snapshot ${JSON.stringify(key)}: it has a child`);
      }
      return { remove: [key] };
    });
    if (!removed) return;
    await this.#holds.release(removed.id);
    if (removed.streamed === undefined) this.#folders.remove(removed.id);
    else if (!this.artifacts().includes(removed.streamed.artifact)) this.#removed.add(removed.streamed.artifact);
  }

  stat(key: string): SnapshotRecord {
    return this.#index.must(key);
  }

  async update(
    key: string,
    labels: Readonly<Record<string, string>>,
    fields: readonly string[],
  ): Promise<SnapshotRecord> {
    await this.#index.change(() => {
      const before = this.#index.must(key);
      const changed = labelsWithoutEmpty(updatedLabels(before, labels, fields));
      return { put: [{ ...before, labels: changed, updatedNs: wallClockNanoseconds() }] };
    });
    return this.#index.must(key);
  }

  async usage(key: string): Promise<SnapshotUsage> {
    const { kind, id, usage, streamed } = this.#index.must(key);
    if (streamed) return await this.#parts.streamed.usage(streamed);
    if (kind === "active") return await diskUsage(this.#folders.files(id));
    return usage ?? { sizeBytes: 0, inodes: 0 };
  }

  list(filters: readonly string[]): SnapshotRecord[] {
    const filter = parseFilters(filters);
    return [...this.#index.all()].filter(filter);
  }

  async cleanup(): Promise<void> {
    const unpacked = (): number[] => [...this.#index.all()].flatMap(({ id, streamed }) => (streamed ? [] : [id]));
    await this.#folders.sweep(() => new Set(unpacked()));
    await this.#folders.removed();
    const removed = [...this.#removed];
    this.#removed.clear();
    await this.#parts.streamed.collect(() => this.artifacts(), removed);
  }

  /** Mounts again what active snapshots and views stand on, before anybody asks. What fails is tried again by who asks. */
  async resume(): Promise<void> {
    const standing = [...this.#index.all()].filter((record) => record.kind !== "committed");
    await Promise.allSettled(standing.map((record) => this.#lowers(record)));
  }

  /** What the streamed layers are shown from. */
  artifacts(): readonly Digest[] {
    return [...this.#index.all()].flatMap(({ streamed }) => (streamed ? [streamed.artifact] : []));
  }

  held(chainId: string): HeldLayers {
    return heldLayers(this.#index, chainId);
  }

  /** Whether `request` may be done now. @throws {SnapshotError} */
  #check({ key, parent }: NewSnapshot): void {
    if (this.#index.get(key)) throw new SnapshotError("ALREADY_EXISTS", `snapshot ${JSON.stringify(key)} exists`);
    if (parent !== "" && this.#index.must(parent).kind !== "committed") {
      throw new SnapshotError("INVALID_ARGUMENT", `parent ${JSON.stringify(parent)} is not committed`);
    }
  }

  /** @throws where its files are gone: a layer without them must never be committed */
  async #written(id: number): Promise<SnapshotUsage> {
    const files = this.#folders.files(id);
    await stat(files);
    return await diskUsage(files);
  }

  #rebased({ parent, name }: SnapshotRecord, onto: string): string {
    if (onto === "" || onto === parent) return parent;
    if (parent !== "") {
      throw new SnapshotError("INVALID_ARGUMENT", `snapshot ${JSON.stringify(name)} has a parent already`);
    }
    if (this.#index.must(onto).kind === "committed") return onto;
    throw new SnapshotError("FAILED_PRECONDITION", `parent ${JSON.stringify(onto)} is not committed`);
  }

  /** Paths of what it is built on, the nearest first; a streamed layer holds all that is below it. */
  async #lowers(record: SnapshotRecord, options?: AbortOptions): Promise<string[]> {
    const paths: string[] = [];
    for (const { id, streamed } of this.#index.chain(record)) {
      if (streamed) return [...paths, await this.#holds.path(record.id, streamed, options)];
      paths.push(this.#folders.files(id));
    }
    return paths;
  }

  /** @throws {SnapshotError} ALREADY_EXISTS when the layer is there without being fetched, which is how containerd is told so */
  async #claim({ parent, labels, namespace }: NewSnapshot, options?: AbortOptions): Promise<void> {
    const target = labels[targetLabel] ?? "";
    const isClaimed = (record: SnapshotRecord): boolean =>
      record.streamed !== undefined && record.labels[targetLabel] === target && record.parent === parent;
    const claimed = () => [...this.#index.all()].some(isClaimed);
    if (!claimed()) {
      const parentChain = parent === "" ? "" : this.#index.must(parent).labels[targetLabel];
      const note = (streamed: StreamedLayer): Promise<void> =>
        this.#index.change(() => {
          if (claimed()) return {};
          if (parent !== "") this.#index.must(parent);
          const now = wallClockNanoseconds();
          const id = this.#index.nextId();
          const times = { createdNs: now, updatedNs: now };
          const name = `streamed/${id}/${target}`;
          const record = { id, name, kind: "committed", parent, ...times, labels: labelsWithoutEmpty(labels) } as const;
          return { put: [{ ...record, streamed }] };
        });
      if (!(await this.#parts.streamed.claim({ target, parentChain, labels, namespace }, note, options))) return;
    }
    throw new SnapshotError("ALREADY_EXISTS", `layer ${target} is streamed`);
  }
}

async function ownerOf(path: string | undefined): Promise<Owner | undefined> {
  if (path === undefined) return undefined;
  const { uid, gid } = await stat(path);
  return { uid, gid };
}
