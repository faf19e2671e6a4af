import {
  type AddressRule,
  anonymous,
  type Credentials,
  fixedCredentials,
  type Manifest,
  RegistryClient,
  type RegistryReference,
  targetOf,
} from "@sluice/oci";
import type { Logger } from "pino";
import { RegistryError } from "../registry/registry-error.js";
import { type CopyPlaces, type CopyTarget, ImageCopy, refuseMove } from "./image-copy.js";
import { type ImportProgress, noProgress } from "./import-progress.js";
import { sourceError } from "./source-error.js";

export interface ImportRequest extends CopyTarget {
  readonly source: RegistryReference;
  /** Ask the source over plain HTTP, wherever it is. */
  readonly plainHttp: boolean;
  /** Of the source, and for its host alone. Never kept. */
  readonly credentials: Credentials | undefined;
}

/** An import that has begun: the source has named what it will give. */
export interface RunningImport {
  /** Of the image, in the source as here. */
  readonly manifest: Manifest;
  readonly progress: ImportProgress;
  /** @throws {RegistryError} for whoever asked for it */
  readonly done: Promise<void>;
}

/** Each holds a few connections and pieces of blobs. */
const maxAtOnce = 4;
const connections = 4;

/** The imports that go on in this process. */
export class Imports implements AsyncDisposable {
  readonly #places: CopyPlaces;
  readonly #addresses: AddressRule;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #begun = 0;

  /** @param addresses what sources may be */
  constructor(places: CopyPlaces, addresses: AddressRule, log: Logger) {
    this.#places = places;
    this.#addresses = addresses;
    this.#log = log;
  }

  /**
   * Asks the source for the image, then copies it until `signal` fires.
   * @throws {RegistryError} TOOMANYREQUESTS, and what the source answered
   */
  async begin(request: ImportRequest, signal: AbortSignal): Promise<RunningImport> {
    if (this.#begun >= maxAtOnce) {
      throw new RegistryError("TOOMANYREQUESTS", `${maxAtOnce} imports go on already; try again when one has ended`);
    }
    this.#begun++;
    const client = this.#clientFor(request);
    try {
      const stopped = AbortSignal.any([signal, this.#stop.signal]);
      const manifest = await this.#ask(client, request, stopped);
      return this.#run(client, request, manifest, stopped);
    } catch (error) {
      await this.#end(client);
      throw sourceError(error, request.source.host);
    }
  }

  /** Stops what goes on, and waits for that. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(
      new RegistryError("UNKNOWN", "the registry stops; import again later", undefined, { status: 503 }),
    );
    await Promise.allSettled(this.#running);
  }

  async #ask(client: RegistryClient, request: ImportRequest, signal: AbortSignal): Promise<Manifest> {
    const { source } = request;
    const repository = client.repository(source.host, source.repository);
    const manifest = await repository.getManifest(targetOf(source), { signal });
    const before = request.tag && (await this.#places.metadata.resolveTag(request.repository, request.tag));
    refuseMove(request, before, manifest.digest);
    return manifest;
  }

  #run(client: RegistryClient, request: ImportRequest, manifest: Manifest, signal: AbortSignal): RunningImport {
    const progress = noProgress();
    const source = client.repository(request.source.host, request.source.repository);
    const done = this.#copy(client, new ImageCopy(source, this.#places, request, progress), {
      manifest,
      request,
      signal,
    });
    this.#running.add(done);
    const forget = (): void => void this.#running.delete(done);
    done.then(forget, forget);
    return { manifest, progress, done };
  }

  async #copy(
    client: RegistryClient,
    copy: ImageCopy,
    what: { readonly manifest: Manifest; readonly request: ImportRequest; readonly signal: AbortSignal },
  ): Promise<void> {
    try {
      await copy.copy(what.manifest, what);
    } catch (error) {
      const told = sourceError(error, what.request.source.host);
      if (!(told instanceof RegistryError) && !what.signal.aborted) this.#log.error({ err: error }, "import failed");
      throw told;
    } finally {
      await this.#end(client);
    }
  }

  async #end(client: RegistryClient): Promise<void> {
    this.#begun--;
    await client.close();
  }

  #clientFor({ credentials, plainHttp, source }: ImportRequest): RegistryClient {
    return new RegistryClient({
      addresses: this.#addresses,
      connections,
      // Never what the registry's own machine knows: whoever imports must have the right.
      credentials: credentials === undefined ? anonymous : fixedCredentials(credentials, source.host),
      ...(plainHttp && { plainHttp }),
    });
  }
}
