import { setTimeout as pause } from "node:timers/promises";
import { ociMediaTypes, sha256Of } from "@sluice/oci";
import { seededBytes } from "@sluice/store/testing";
import { tarOf } from "../pushed-image.js";
import type { ApiDocument } from "../registry-api.js";
import { gone } from "./ledger.js";
import { type ClientPlaces, contentOf, pushImage } from "./pushing-client.js";
import { type Answer, untilAnswered } from "./requests.js";

/** An operation that was promised to a client. */
export interface PromisedOperation {
  readonly id: string;
  readonly repository: string;
  /** Of the image. */
  readonly digest: string;
}

const lookMs = 50;
const smallestLayerBytes = 100_000;
const largestLayerBytes = 3_000_000;

/** Pushes images, has each of them converted by the registry, waits for that, and deletes some before or after it is done. */
export class ConvertingClient {
  readonly #places: ClientPlaces;
  readonly repository: string;
  readonly operations: PromisedOperation[] = [];
  #count = 0;

  constructor(places: ClientPlaces, repository: string) {
    this.#places = places;
    this.repository = repository;
  }

  async work(isOver: () => boolean): Promise<void> {
    const { requests, random } = this.#places;
    while (!isOver()) {
      const digest = await this.#push(isOver);
      if (digest === undefined) continue;
      const json = { repository: this.repository, reference: digest };
      const asked = await untilAnswered(() => requests.send("convert", "POST", "/api/v1/operations", { json }), isOver);
      if (asked === undefined) return;
      const id = await this.#idOf(asked, digest, isOver);
      if (id === undefined) continue;
      this.operations.push({ id, repository: this.repository, digest });
      const fate = random();
      if (fate < 0.8) await this.#waitForEnd(id, isOver);
      if (fate > 0.6) await this.#delete(digest, isOver);
    }
  }

  async #push(isOver: () => boolean): Promise<string | undefined> {
    const { random } = this.#places;
    const name = `${this.repository} ${this.#count++} ${random()}`;
    const sizeBytes = smallestLayerBytes + Math.floor(random() * (largestLayerBytes - smallestLayerBytes));
    const tar = await tarOf([{ name: "file", content: Buffer.from(seededBytes(name, sizeBytes)) }]);
    const config = {
      ...{ os: "linux", architecture: "amd64", config: { Cmd: ["/file"] } },
      rootfs: { type: "layers", diff_ids: [sha256Of(tar)] },
    };
    const image = {
      config: contentOf(ociMediaTypes.config, Buffer.from(JSON.stringify(config))),
      layers: [contentOf(ociMediaTypes.layer, tar)],
    };
    return await pushImage(this.#places, { repository: this.repository, tag: undefined, ...image }, isOver);
  }

  /** Of the operation that was promised; of one whose promise was lost, and that was done before it was asked for again, the one in the list. */
  async #idOf(asked: Answer, digest: string, isOver: () => boolean): Promise<string | undefined> {
    const { requests } = this.#places;
    const { id } = JSON.parse(asked.bytes.toString()) as ApiDocument;
    if (asked.status === 202 && id !== undefined) return id;
    if (asked.status !== 200) {
      requests.complaints.push(`conversion of ${digest}: ${asked.status} ${asked.bytes}`);
      return undefined;
    }
    const path = `/api/v1/operations?repository=${this.repository}&reference=${digest}`;
    const listed = await untilAnswered(() => requests.send("watch", "GET", path), isOver);
    return listed && (JSON.parse(listed.bytes.toString()) as ApiDocument).operations?.[0]?.id;
  }

  /** A conversion is under way from when it is seen to run until it is seen to have ended. */
  async #waitForEnd(id: string, isOver: () => boolean): Promise<void> {
    const { requests } = this.#places;
    const look = async (): Promise<ApiDocument | undefined> => {
      const found = await untilAnswered(() => requests.send("watch", "GET", `/api/v1/operations/${id}`), isOver);
      return found && (JSON.parse(found.bytes.toString()) as ApiDocument);
    };
    const lookWhile = async (goesOn: (operation: ApiDocument) => boolean): Promise<ApiDocument | undefined> => {
      let now = await look();
      for (; now !== undefined && goesOn(now); now = await look()) await pause(lookMs);
      return now;
    };
    const begun = await lookWhile(({ status }) => status === "NotStarted");
    if (begun?.status !== "Running") return;
    await requests.during("conversion", () => lookWhile((operation) => !isEnded(operation)));
  }

  async #delete(digest: string, isOver: () => boolean): Promise<void> {
    const { ledger, requests } = this.#places;
    const key = `manifest ${this.repository}@${digest}`;
    ledger.begin(key, gone);
    const path = `/v2/${this.repository}/manifests/${digest}`;
    const answer = await untilAnswered(() => requests.send("delete", "DELETE", path), isOver);
    if (answer?.status === 202 || answer?.status === 404) ledger.acknowledge(key, gone);
  }
}

export const isEnded = ({ status }: ApiDocument): boolean =>
  status === "Succeeded" || status === "Failed" || status === "Canceled";
