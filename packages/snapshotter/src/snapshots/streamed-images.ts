import { type AbortOptions, type Digest, parseReference } from "@sluice/oci";
import type { ChunkStore } from "@sluice/store";
import type { PullOutcome, PullReport } from "../control/api.js";
import type { DiskStore, StoredDisk } from "../disks/disk-store.js";
import type { Disks } from "../disks/disks.js";
import type { ImageLookup } from "../disks/image-lookup.js";
import type { UnneededImages } from "../disks/unneeded-images.js";
import type { Driver } from "../drivers/index.js";
import type { LowerLease, Lowers } from "../mounts/lowers.js";
import type { Logger } from "../observe/log.js";
import type { PrefixImages } from "../prefixes/prefix-images.js";
import { type NotStreamableCode, NotStreamableError, notStreamableBecause } from "../resolve/not-streamable.js";
import { chainIds } from "./chain-ids.js";
import { inTime } from "./in-time.js";
import { PassingHolds } from "./passing-holds.js";
import { PullJournal } from "./pull-journal.js";
import { SnapshotError } from "./snapshot-error.js";
import type { SnapshotUsage, StreamedLayer } from "./snapshot-record.js";
import { StoredUsage } from "./stored-usage.js";
import type { LayerOffer, StreamedLayers } from "./streamed-layers.js";

/** What containerd says of the layer that it pulls. Not only for CRI, whatever their names say. containerd pkg/snapshotters/annotations.go */
const labelNames = {
  reference: "containerd.io/snapshot/cri.image-ref",
  manifest: "containerd.io/snapshot/cri.manifest-digest",
  layer: "containerd.io/snapshot/cri.layer-digest",
} as const;

/** A pull waits for this at most before it goes on as usual. Milliseconds. */
const maxLookupMs = 5000;
/** Megabytes for the largest images; they come at once or the registry is too slow to stream from. Milliseconds. */
const maxIndexesMs = 5000;
/** A second or two for 100,000 files where others want the processor, too; two at once. Milliseconds. */
const maxProofMs = 15_000;
/** Reads the first blocks of the metadata. Milliseconds. */
const maxMountMs = 5000;
/** From the pull to the container is moments. Milliseconds. */
const shownForMs = 30_000;
/** containerd asks layer by layer, within moments: what was found of the image holds for so long. Milliseconds. */
const foundForMs = 60_000;

export interface StreamedImagesParts {
  readonly images: Pick<ImageLookup, "find" | "requireTrusted">;
  readonly diskStore: Pick<DiskStore, "load" | "loadUnlessDamaged">;
  readonly store: Pick<ChunkStore, "has">;
  readonly prefixes: Pick<PrefixImages, "prepare" | "prove" | "find" | "collect">;
  readonly disks: Pick<Disks, "open" | "digests">;
  readonly lowers: Pick<Lowers, "acquire">;
  readonly unneeded: Pick<UnneededImages, "leave">;
  /** The one that mounts through the kernel. */
  readonly driver: Driver;
  /** Called when it is known how a pull goes. */
  readonly onPull?: ((namespace: string, reference: string, outcome: PullOutcome) => void) | undefined;
  readonly log: Logger;
}

type Found = StoredDisk | NotStreamableError;

/** Of containerd. */
interface Pull {
  readonly reference: string;
  readonly namespace: string | undefined;
}

/** Finds the streaming artifacts of images that containerd pulls. An image is looked up once for all its layers; images do not wait for each other. */
export class StreamedImages implements StreamedLayers {
  readonly #parts: StreamedImagesParts;
  readonly #lookups = new Map<string, Promise<Found>>();
  /** Artifacts of layers that are being noted. */
  readonly #claiming: Digest[] = [];
  readonly #usage: StoredUsage;
  readonly #journal = new PullJournal();
  readonly #counts = new Map<NotStreamableCode | "streamed", number>();
  readonly #shown: PassingHolds;

  constructor(parts: StreamedImagesParts) {
    this.#parts = parts;
    this.#usage = new StoredUsage(parts);
    this.#shown = new PassingHolds(shownForMs, (error) => parts.log.error({ err: error }, "a disk stays mounted"));
  }

  /** Lets go of what is mounted for containers that have not come. */
  async close(): Promise<void> {
    await this.#shown.close();
  }

  /** Pulls by how they went. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** Of the last pull under this name. */
  outcome(reference: string): PullOutcome | undefined {
    return this.#journal.outcome(reference);
  }

  /** The last pulls after the one with this number. */
  pulledAfter(number: number): readonly PullReport[] {
    return this.#journal.after(number);
  }

  async claim(offer: LayerOffer, keep: (layer: StreamedLayer) => Promise<void>): Promise<boolean> {
    const reference = offer.labels[labelNames.reference];
    const manifest = offer.labels[labelNames.manifest];
    if (reference === undefined || manifest === undefined) return false;
    const found = await this.#lookUp({ reference, manifest, namespace: offer.namespace });
    const layer = found instanceof NotStreamableError ? undefined : this.#layerOf(found, offer, reference, manifest);
    if (!layer) return false;
    this.#claiming.push(layer.artifact);
    try {
      await keep(layer);
    } finally {
      this.#claiming.splice(this.#claiming.indexOf(layer.artifact), 1);
    }
    return true;
  }

  /** Whether a layer that is shown from the artifact is about to be noted. If not, what was found by now is looked up again: it may go from the node at once. */
  isClaiming(artifact: Digest): boolean {
    if (this.#claiming.includes(artifact)) return true;
    this.#lookups.clear();
    return false;
  }

  #layerOf(
    found: StoredDisk,
    { target, parentChain, labels, namespace }: LayerOffer,
    reference: string,
    manifest: string,
  ): StreamedLayer | undefined {
    const { source, config, artifact } = found.image;
    const chain = chainIds(config.diffIds);
    const at = chain.indexOf(target);
    const isImages = at >= 0 && source.digest === manifest && source.layers[at]?.digest === labels[labelNames.layer];
    if (!isImages || (parentChain !== undefined && parentChain !== (chain[at - 1] ?? ""))) {
      const message = `layer ${target} on ${parentChain || "nothing"} is not as the artifact has it`;
      this.#note({ reference, namespace }, new NotStreamableError("LAYERS_DIFFER", message));
      return undefined;
    }
    return { artifact: artifact.manifest.digest, layers: at + 1, imageLayers: chain.length };
  }

  async acquire({ artifact, layers, imageLayers }: StreamedLayer, options?: AbortOptions): Promise<LowerLease> {
    const { diskStore, images } = this.#parts;
    const stored = await diskStore.load(artifact);
    if (!stored)
      throw new SnapshotError("UNAVAILABLE", `artifact ${artifact} is not on this node any more: pull the image again`);
    await images.requireTrusted(stored).catch((error: unknown) => {
      if (!(error instanceof NotStreamableError)) throw error;
      const cure = `${error.cure}; or remove its images from containerd and pull them again, to have them unpacked`;
      throw new SnapshotError("FAILED_PRECONDITION", `${error.message}: ${cure}`, { cause: error });
    });
    options?.signal?.throwIfAborted();
    const shown = layers === imageLayers ? stored : await this.#parts.prefixes.find(stored, layers, options);
    return await this.#mount(shown);
  }

  async usage(layer: StreamedLayer): Promise<SnapshotUsage> {
    return await this.#usage.of(layer);
  }

  async collect(needed: () => readonly Digest[], removed: readonly Digest[]): Promise<void> {
    const { prefixes, disks, unneeded } = this.#parts;
    this.#lookups.clear(); // what was found for images that were removed since goes from the node now
    await this.#shown.releaseOthers(new Set(needed())); // one that is about to be claimed is mounted again by its container
    await prefixes.collect(needed, (artifact) => disks.digests.includes(artifact));
    await unneeded.leave(removed);
  }

  /** What was found when the image might have gone from the node meanwhile is looked up again. */
  async #lookUp(pull: Pull & { readonly manifest: string }): Promise<Found> {
    const key = `${pull.reference} ${pull.manifest}`;
    for (;;) {
      const lookup = this.#lookups.get(key) ?? this.#startLookup(key, pull);
      const found = await lookup;
      if (found instanceof NotStreamableError || this.#lookups.get(key) === lookup) return found;
    }
  }

  #startLookup(key: string, pull: Pull & { readonly manifest: string }): Promise<Found> {
    const lookup = this.#find(pull.reference, pull.manifest).then((found) => {
      this.#note(pull, found);
      setTimeout(() => this.#lookups.delete(key), foundForMs).unref();
      return found;
    });
    this.#lookups.set(key, lookup);
    return lookup;
  }

  /** Never rejects. */
  async #find(reference: string, manifest: string): Promise<Found> {
    const { driver, images, prefixes } = this.#parts;
    try {
      const probe = await driver.probe();
      if (!probe.ok) throw new NotStreamableError("DRIVER_UNAVAILABLE", probe.reason);
      const address = { reference: byDigest(reference, manifest) };
      const found = await inTime(`${reference}: no artifact was found`, maxLookupMs, (signal) =>
        images.find(address, { signal }),
      );
      const indexes = inTime(`${reference}: the layer indexes did not come`, maxIndexesMs, async (signal) => {
        await prefixes.prepare(found, { signal }).catch((error: unknown) => {
          throw signal.aborted
            ? signal.reason
            : notStreamableBecause(error, `layer indexes of ${reference}`, "ARTIFACT_NOT_FOUND");
        });
      });
      const provable = indexes.then(() =>
        inTime(
          `${reference}: its lower layers were not merged`,
          maxProofMs,
          () => prefixes.prove(found),
          "NOT_MOUNTABLE",
        ),
      );
      await Promise.all([provable, this.#show(reference, found)]); // round trips that need not wait for each other
      return found;
    } catch (error) {
      if (error instanceof NotStreamableError) return error;
      this.#parts.log.error(
        { err: error, reference },
        "looking for a streaming artifact failed; the pull goes on as usual",
      );
      return new NotStreamableError("REGISTRY_ERROR", String(error), { cause: error });
    }
  }

  /** Before containerd is told that it need not fetch the layers: a disk that cannot be mounted would fail the container. */
  async #show(reference: string, found: StoredDisk): Promise<void> {
    const mounted = this.#mount(found);
    try {
      const late = `${reference}: its disk was not mounted`;
      const lease = await inTime(late, maxMountMs, () => mounted, "NOT_MOUNTABLE");
      this.#shown.hold(lease, found.image.artifact.manifest.digest);
    } catch (error) {
      if (!(error instanceof NotStreamableError)) {
        const why = error instanceof Error ? error.message : String(error);
        throw new NotStreamableError("NOT_MOUNTABLE", `${reference}: its disk cannot be mounted: ${why}`, {
          cause: error,
        });
      }
      void mounted.then((late) => late.release()).catch(() => undefined); // as late as it is, nobody waits for it
      throw error;
    }
  }

  async #mount(stored: StoredDisk): Promise<LowerLease> {
    const { disks, lowers, driver } = this.#parts;
    return await lowers.acquire(driver, await disks.open(stored));
  }

  #note({ reference, namespace }: Pull, found: Found): void {
    const { log, onPull } = this.#parts;
    const failed = found instanceof NotStreamableError;
    const outcome = failed ? found.code : "streamed";
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
    log.info({ reference, outcome, ...(failed && { why: found.message }) }, failed ? "pulled as usual" : "streamed");
    const reason = failed ? { code: found.code, message: found.message, cure: found.cure } : undefined;
    this.#journal.add(reference, { streamed: !failed, reason });
    if (namespace !== undefined) onPull?.(namespace, reference, { streamed: !failed, reason });
  }
}

/** The image that the name stood for when containerd looked, whatever it stands for by now. */
function byDigest(reference: string, manifest: string): string {
  const parsed = parseReference(reference);
  if (parsed.kind !== "registry") throw new NotStreamableError("IMAGE_NOT_FOUND", `${reference} names no registry`);
  return `${parsed.host}/${parsed.repository}@${manifest}`;
}
