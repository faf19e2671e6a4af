import { setTimeout as pause } from "node:timers/promises";
import { algorithmOf, type ContentDigest, contentDigestOf, type Descriptor, sluiceMediaTypes } from "@sluice/oci";
import type { ApiDocument } from "../registry-api.js";
import { isEnded, type PromisedOperation } from "./converting-client.js";
import { gone, type Ledger } from "./ledger.js";
import type { RegistryRequests } from "./requests.js";

export interface AuditPlaces {
  readonly requests: RegistryRequests;
  readonly ledger: Ledger;
  readonly operations: readonly PromisedOperation[];
}

export interface AuditScope {
  /** Everything, not only what was touched since the last audit. */
  readonly isFull: boolean;
  /** For operations that go on. Milliseconds. */
  readonly patienceMs: number;
}

/** As much of a manifest as is looked at. */
interface Listed {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

/**
 * Looks, by the public API alone, whether a registry holds what it acknowledged, nothing half, and what became of conversions. Nobody else changes it
 * meanwhile but its conversions. @returns complaints
 */
export async function audit(places: AuditPlaces, scope: AuditScope): Promise<readonly string[]> {
  const run = new Audit(places);
  await run.operations(scope.patienceMs, scope.isFull);
  const touched = places.ledger.takeTouched();
  for (const key of scope.isFull ? places.ledger.keys() : touched) await run.key(key);
  if (scope.isFull) await run.lists();
  return run.complaints;
}

class Audit {
  readonly complaints: string[] = [];
  readonly #places: AuditPlaces;
  /** Blobs that were read, by repository and digest. */
  readonly #whole = new Set<string>();
  /** Operations that have ended are looked at once more in full audits only. */
  static readonly #ended = new WeakSet<PromisedOperation>();

  constructor(places: AuditPlaces) {
    this.#places = places;
  }

  async key(key: string): Promise<void> {
    const [kind = "", place = ""] = key.split(" ");
    const at = place.lastIndexOf(kind === "tag" ? ":" : "@");
    const [repository, reference] = [place.slice(0, at), place.slice(at + 1)];
    const isThere =
      kind === "blob" ? await this.#blob(repository, reference) : await this.#manifest(repository, reference);
    const actual = isThere === undefined ? gone : kind === "tag" ? isThere : "there";
    const complaint = this.#places.ledger.settle(key, actual);
    if (complaint !== undefined) this.complaints.push(complaint);
  }

  /** Tags that are listed are there, and clients know of them. */
  async lists(): Promise<void> {
    const { repositories } = await this.#json<{ repositories: readonly string[] }>("/v2/_catalog?n=1000");
    for (const repository of repositories) {
      const { tags } = await this.#json<{ tags: readonly string[] | null }>(`/v2/${repository}/tags/list`);
      for (const tag of tags ?? []) {
        if (this.#places.ledger.mayBe(`tag ${repository}:${tag}`, gone))
          this.complaints.push(`${repository}:${tag} is listed and gone`);
      }
    }
  }

  /** Each one that was promised is there, has ended or does so in time, and its artifact is where its image is, whole and once. */
  async operations(patienceMs: number, isFull: boolean): Promise<void> {
    for (const promised of this.#places.operations) {
      if (!isFull && Audit.#ended.has(promised)) continue;
      const operation = await this.#end(promised, patienceMs);
      if (operation === undefined) continue;
      Audit.#ended.add(promised);
      await this.#artifacts(promised, operation);
    }
    if (!isFull) return;
    for (const status of ["NotStarted", "Running"]) {
      const { operations = [] } = await this.#json<ApiDocument>(`/api/v1/operations?n=100&status=${status}`);
      for (const { id } of operations) await this.#end({ id: id ?? "", repository: "", digest: "" }, patienceMs);
    }
  }

  async #end({ id }: PromisedOperation, patienceMs: number): Promise<ApiDocument | undefined> {
    const deadlineMs = performance.now() + patienceMs;
    for (;;) {
      const answer = await this.#places.requests.send("audit", "GET", `/api/v1/operations/${id}`);
      if (answer.status !== 200) {
        this.complaints.push(`operation ${id} is lost: ${answer.status}`);
        return undefined;
      }
      const operation = JSON.parse(answer.bytes.toString()) as ApiDocument;
      if (isEnded(operation)) return operation;
      if (performance.now() > deadlineMs) {
        if (patienceMs > 0) this.complaints.push(`operation ${id} goes on and on: ${answer.bytes}`);
        return undefined;
      }
      await pause(50);
    }
  }

  async #artifacts({ id, repository, digest }: PromisedOperation, operation: ApiDocument): Promise<void> {
    const path = `/v2/${repository}/referrers/${digest}?artifactType=${encodeURIComponent(sluiceMediaTypes.artifact)}`;
    const { manifests = [] } = await this.#json<Listed>(path);
    const isThere = (await this.#manifest(repository, digest)) !== undefined;
    const wanted = isThere && operation.status === "Succeeded" ? [operation.artifactDigest] : [];
    const found = manifests.map((artifact) => artifact.digest);
    if (isThere && operation.status !== "Succeeded") {
      this.complaints.push(`operation ${id}: ${JSON.stringify(operation)}`);
    }
    if (found.join() !== wanted.join()) {
      const image = isThere ? "is there" : "was deleted";
      this.complaints.push(
        `operation ${id} ${operation.status}: its image ${image}, its artifacts are ${found}, not ${wanted}`,
      );
    }
    const list = `/api/v1/operations?repository=${repository}&reference=${digest}`;
    const { operations = [] } = await this.#json<ApiDocument>(list);
    if (operations.length !== 1) this.complaints.push(`${repository}@${digest} has ${operations.length} operations`);
    for (const artifact of found) {
      if ((await this.#manifest(repository, artifact)) === undefined)
        this.complaints.push(`artifact ${artifact} is listed and gone`);
    }
  }

  /** Reads a manifest and every blob of it. @returns its digest; undefined when it is not there */
  async #manifest(repository: string, reference: string): Promise<string | undefined> {
    const { status, bytes, headers } = await this.#places.requests.send(
      "audit",
      "GET",
      `/v2/${repository}/manifests/${reference}`,
    );
    if (status === 404) return undefined;
    const digest = headers.get("docker-content-digest") ?? "";
    if (status !== 200 || digestLike(digest, bytes) !== digest) {
      this.complaints.push(`manifest ${repository} ${reference}: ${status}, ${bytes.byteLength} bytes under ${digest}`);
      return digest;
    }
    const { config, layers = [], manifests = [] } = JSON.parse(bytes.toString()) as Listed;
    for (const blob of [...(config ? [config] : []), ...layers]) {
      if ((await this.#blob(repository, blob.digest)) === undefined) {
        this.complaints.push(`manifest ${repository}@${digest} is there, its blob ${blob.digest} is not`);
      }
    }
    for (const child of manifests) await this.#manifest(repository, child.digest);
    return digest;
  }

  /** Reads a blob. @returns its digest; undefined when it is not there */
  async #blob(repository: string, digest: string): Promise<string | undefined> {
    const place = `${repository}@${digest}`;
    if (this.#whole.has(place)) return digest;
    const { status, bytes } = await this.#places.requests.send("audit", "GET", `/v2/${repository}/blobs/${digest}`);
    if (status === 404) return undefined;
    if (status !== 200 || digestLike(digest, bytes) !== digest) {
      this.complaints.push(`blob ${place}: ${status}, ${bytes.byteLength} bytes that are not it`);
    }
    this.#whole.add(place);
    return digest;
  }

  async #json<T>(path: string): Promise<T> {
    const { status, bytes } = await this.#places.requests.send("audit", "GET", path);
    if (status !== 200) throw new Error(`${path}: ${status} ${bytes}`);
    return JSON.parse(bytes.toString()) as T; // by contract
  }
}

const digestLike = (digest: string, bytes: Uint8Array): string =>
  contentDigestOf(bytes, algorithmOf(digest as ContentDigest));
