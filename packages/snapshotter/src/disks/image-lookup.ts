import { type AbortOptions, parseReference, type Repository, targetOf } from "@sluice/oci";
import type { ImageAddress } from "../control/api.js";
import type { Logger } from "../observe/log.js";
import type { Tracer } from "../observe/tracing.js";
import { type PoolConfig, requireStreamingPool } from "../pool/pool-membership.js";
import { NotStreamableError } from "../resolve/not-streamable.js";
import { type ResolvedImage, resolveImage } from "../resolve/resolve-image.js";
import { notTrusted, type TrustPolicy } from "../resolve/trust.js";
import type { DiskStore, StoredDisk } from "./disk-store.js";

export interface ImageLookupParts {
  readonly disks: DiskStore;
  readonly trust: TrustPolicy;
  readonly openRepository: (address: ImageAddress) => Repository;
  /** Undefined for a node of no pool. */
  readonly pool?: PoolConfig | undefined;
  readonly tracer: Tracer;
  readonly log: Logger;
}

/** Finds what a reference names: at the registry, and what is known from before when that cannot be asked. */
export class ImageLookup {
  readonly #parts: ImageLookupParts;
  constructor(parts: ImageLookupParts) {
    this.#parts = parts;
  }

  /**
   * The image, kept on this node from now on.
   *
   * @throws {NotStreamableError}
   */
  find(address: ImageAddress, options?: AbortOptions): Promise<StoredDisk> {
    return this.#parts.tracer.step("resolve", { reference: address.reference }, () => this.#find(address, options));
  }

  /** What was found, and is open now: should it have been removed in between, the next life of the daemon would not know it. */
  async keep(found: StoredDisk): Promise<void> {
    await this.#parts.disks.keep(found);
  }

  /**
   * Asks the policy of today about an image that was looked up before: what is remembered may have been trusted by another one.
   *
   * @throws {NotStreamableError} NOT_TRUSTED
   */
  async requireTrusted({ image: { source, artifact }, addresses }: StoredDisk): Promise<void> {
    const { trust, openRepository } = this.#parts;
    const [address] = addresses;
    if (!address) throw new NotStreamableError("NOT_TRUSTED", `${artifact.digest}: nothing says where it is from`);
    const verdict = await trust.judge({ repository: openRepository(address), source, artifact });
    if (!verdict.trusted) throw notTrusted(trust, verdict.because);
  }

  async #find(address: ImageAddress, options?: AbortOptions): Promise<StoredDisk> {
    const { disks, trust, openRepository, pool, tracer, log } = this.#parts;
    await requireStreamingPool(pool);
    try {
      const repository = openRepository(address);
      let isKept = false;
      let before: ResolvedImage | undefined;
      const image = await resolveImage(repository, targetOf(parseReference(address.reference)), trust, {
        ...options,
        tracer,
        before: async () => {
          before = (await disks.findByReference(address.reference))?.image;
          return before;
        },
        known: async (artifact) => {
          const isBefore = before?.artifact.manifest.digest === artifact;
          const known = isBefore ? before : (await disks.loadUnlessDamaged(artifact))?.image;
          isKept = known !== undefined;
          return known;
        },
      });
      if (isKept) await disks.addAddress(image, address);
      else await disks.save(image, address);
      return { image, addresses: [address] };
    } catch (error) {
      const local = await this.#local(address, error);
      if (!local) throw error;
      log.warn({ err: error, reference: address.reference }, "registry not reached; going on with what is known");
      return local;
    }
  }

  /** A registry that is away, or has no credentials for us now, takes nothing back; one that answers otherwise does. */
  async #local(address: ImageAddress, error: unknown): Promise<StoredDisk | undefined> {
    if (!(error instanceof NotStreamableError)) return undefined;
    if (error.code !== "REGISTRY_UNREACHABLE" && error.code !== "UNAUTHORIZED") return undefined;
    const stored = await this.#parts.disks.findByReference(address.reference);
    if (!stored) return undefined;
    const asked = { ...stored, addresses: [address] };
    return await this.requireTrusted(asked).then(
      () => stored,
      () => undefined,
    );
  }
}
