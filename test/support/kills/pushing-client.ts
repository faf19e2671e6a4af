import { createImageManifest, type Descriptor, ociMediaTypes, sha256Of } from "@sluice/oci";
import { seededBytes } from "@sluice/store/testing";
import { gone, type Ledger } from "./ledger.js";
import { type Answer, type RegistryRequests, type SendOptions, untilAnswered } from "./requests.js";

export interface ClientPlaces {
  readonly requests: RegistryRequests;
  readonly ledger: Ledger;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Bytes that clients push, of which some are the same for all of them. */
export interface Content extends Descriptor {
  readonly bytes: Uint8Array;
}

/** A collection without grace may take a blob between its push and that of its manifest: then all is pushed again. */
const maxPushes = 50;
/** Layers that images of all clients have in common. */
const sharedLayers = 12;
const tags = ["1", "2", "3", "latest"];

export const contentOf = (mediaType: string, bytes: Uint8Array): Content => ({
  ...{ mediaType, bytes, digest: sha256Of(bytes), size: bytes.byteLength },
});

/** Pushes, moves and deletes in a repository that is its own, and writes down what is acknowledged. */
export class PushingClient {
  readonly #places: ClientPlaces;
  readonly repository: string;
  #count = 0;

  constructor(places: ClientPlaces, repository: string) {
    this.#places = places;
    this.repository = repository;
  }

  /** One thing after the other. */
  async work(isOver: () => boolean): Promise<void> {
    const { random } = this.#places;
    while (!isOver()) {
      const what = random();
      if (what < 0.55) await this.#pushImage(isOver);
      else if (what < 0.7) await this.#pushLoneBlob(isOver);
      else if (what < 0.85) await this.#deleteManifest(isOver);
      else await this.#deleteTag(isOver);
    }
  }

  async #pushImage(isOver: () => boolean): Promise<void> {
    const { random } = this.#places;
    const layers = Array.from({ length: 1 + Math.floor(random() * 3) }, () => this.#layer());
    const config = contentOf(ociMediaTypes.config, Buffer.from(JSON.stringify({ name: this.#nextName() })));
    const tag = this.#pick(tags);
    await pushImage(this.#places, { repository: this.repository, tag, config, layers }, isOver);
  }

  async #pushLoneBlob(isOver: () => boolean): Promise<void> {
    const { ledger, requests, random } = this.#places;
    const blob = contentOf(ociMediaTypes.layer, seededBytes(this.#nextName(), Math.floor(random() * 200_000)));
    const key = `blob ${this.repository}@${blob.digest}`;
    ledger.begin(key, "there");
    const pushed = await untilAnswered(() => pushBlob(requests, this.repository, blob, random()), isOver);
    if (pushed) ledger.acknowledge(key, "there");
  }

  async #deleteManifest(isOver: () => boolean): Promise<void> {
    const { ledger, requests } = this.#places;
    const key = this.#pick(ledger.certain(`manifest ${this.repository}@`))?.[0];
    const digest = key?.split("@")[1];
    if (key === undefined || digest === undefined) return;
    const tagsOfIt = ledger.certain(`tag ${this.repository}:`).filter(([, target]) => target === digest);
    for (const [one] of [[key], ...tagsOfIt]) ledger.begin(one ?? "", gone);
    const path = `/v2/${this.repository}/manifests/${digest}`;
    const answer = await untilAnswered(() => requests.send("delete", "DELETE", path), isOver);
    if (answer?.status !== 202 && answer?.status !== 404) return;
    for (const [one] of [[key], ...tagsOfIt]) ledger.acknowledge(one ?? "", gone);
  }

  async #deleteTag(isOver: () => boolean): Promise<void> {
    const { ledger, requests } = this.#places;
    const key = this.#pick(ledger.certain(`tag ${this.repository}:`))?.[0];
    if (key === undefined) return;
    ledger.begin(key, gone);
    const path = `/v2/${this.repository}/manifests/${key.slice(key.lastIndexOf(":") + 1)}`;
    const answer = await untilAnswered(() => requests.send("delete", "DELETE", path), isOver);
    if (answer?.status === 202 || answer?.status === 404) ledger.acknowledge(key, gone);
  }

  #layer(): Content {
    const { random } = this.#places;
    const name = random() < 0.5 ? `shared ${Math.floor(random() * sharedLayers)}` : this.#nextName();
    return contentOf(ociMediaTypes.layer, seededBytes(name, 1 + ((name.length * 48_271) % 400_000)));
  }

  #nextName(): string {
    return `${this.repository} ${this.#count++} ${this.#places.random()}`;
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.#places.random() * from.length)];
  }
}

export interface PushedImage {
  readonly repository: string;
  readonly tag: string | undefined;
  readonly config: Content;
  readonly layers: readonly Content[];
}

/** Pushes an image as clients do: what is not there yet, then its manifest. @returns its digest, once it is acknowledged */
export async function pushImage(
  { ledger, requests, random }: ClientPlaces,
  { repository, tag, config, layers }: PushedImage,
  isOver: () => boolean,
): Promise<string | undefined> {
  const { digest, bytes, mediaType } = createImageManifest({ config, layers });
  const outcomes = [
    [`manifest ${repository}@${digest}`, "there"],
    ...(tag ? [[`tag ${repository}:${tag}`, digest]] : []),
  ];
  for (const [key = "", value = ""] of outcomes) ledger.begin(key, value);
  for (let tries = 0; tries < maxPushes; tries++) {
    const answer = await untilAnswered(async () => {
      for (const blob of [config, ...layers]) await pushBlob(requests, repository, blob, random());
      const path = `/v2/${repository}/manifests/${tag ?? digest}`;
      return await requests.send("push", "PUT", path, { body: bytes, mediaType });
    }, isOver);
    if (answer === undefined) return undefined;
    if (answer.status === 201) {
      for (const [key = "", value = ""] of outcomes) ledger.acknowledge(key, value);
      return digest;
    }
    if (!answer.bytes.includes("MANIFEST_BLOB_UNKNOWN")) {
      requests.complaints.push(`push of ${repository}@${digest}: ${answer.status} ${answer.bytes}`);
      return undefined;
    }
  }
  requests.complaints.push(`push of ${repository}@${digest}: its blobs were collected ${maxPushes} times`);
  return undefined;
}

/** @param way in [0, 1): in one piece, or in pieces @returns true once it is acknowledged */
async function pushBlob(requests: RegistryRequests, repository: string, blob: Content, way: number): Promise<boolean> {
  const send: Send = (...request) => requests.send("push", ...request);
  const uploads = `/v2/${repository}/blobs/uploads/`;
  for (let tries = 0; tries < maxPushes; tries++) {
    if ((await send("HEAD", `/v2/${repository}/blobs/${blob.digest}`)).status === 200) return true;
    const whole = way < 0.3;
    const last = whole
      ? await send("POST", `${uploads}?digest=${blob.digest}`, { body: blob.bytes })
      : await pushInPieces(send, uploads, blob, way < 0.6 ? 0 : way);
    if (last?.status === 201) return true;
  }
  requests.complaints.push(`push of blob ${repository}@${blob.digest}: refused ${maxPushes} times`);
  return false;
}

type Send = (method: string, path: string, options?: SendOptions) => Promise<Answer>;

/** @returns the last answer, or the one before it that was not what it should be */
async function pushInPieces(send: Send, uploads: string, { bytes, digest }: Content, share: number): Promise<Answer> {
  const begun = await send("POST", uploads);
  const place = begun.headers.get("location");
  if (begun.status !== 202 || place === null) return begun;
  const half = Math.floor(bytes.byteLength * share);
  if (half > 0) {
    const first = await send("PATCH", place, { body: bytes.subarray(0, half) });
    if (first.status !== 202) return first;
  }
  return await send("PUT", `${place}?digest=${digest}`, { body: bytes.subarray(half) });
}
