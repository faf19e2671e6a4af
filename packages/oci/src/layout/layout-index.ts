import { mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { AbortOptions } from "../abort-options.js";
import { readBounded } from "../bytes/bounded-read.js";
import { type Descriptor, descriptorToJson } from "../descriptor.js";
import { InvalidDocumentError, parseJson } from "../documents/json-document.js";
import { maxManifestBytes, parseManifest } from "../manifest.js";
import { ociMediaTypes } from "../media-types.js";
import { removeAbandoned, writeAtomically } from "./atomic-file.js";
import { isErrno } from "./errno.js";
import { withLock } from "./folder-lock.js";

/** image-layout.md: the version marker of a layout. */
const layoutMarker = { imageLayoutVersion: "1.0.0" };
const refNameKey = "org.opencontainers.image.ref.name";

const rawIndexSchema = z.looseObject({ manifests: z.array(z.looseObject({})).nullish() });
type RawIndex = z.infer<typeof rawIndexSchema>;

/** An entry of `index.json`: what it names, and the tag it carries. `raw` keeps the fields we do not know. */
export interface IndexEntry {
  readonly descriptor: Descriptor;
  readonly tag: string | undefined;
  readonly raw: Readonly<Record<string, unknown>>;
}

/** `index.json` of an image layout: read anew each time, changed under a lock, replaced whole. */
export class LayoutIndex {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Whether the folder is an image layout at all: it has the marker, or at least an index. */
  async isThere(): Promise<boolean> {
    const names = await readdir(this.#directory).catch((error: unknown): string[] => {
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    });
    return names.includes("oci-layout") || names.includes("index.json");
  }

  /** Empty when there is no layout. @throws {InvalidDocumentError} */
  async entries(options?: AbortOptions): Promise<readonly IndexEntry[]> {
    options?.signal?.throwIfAborted();
    return (await this.#read()).entries;
  }

  /** Makes the layout if need be. `change` gets the entries and gives the new ones; the same array means nothing to write. */
  async update(
    change: (entries: readonly IndexEntry[]) => Promise<readonly IndexEntry[]>,
    options?: AbortOptions,
  ): Promise<void> {
    options?.signal?.throwIfAborted();
    await this.#create();
    const work = async (): Promise<void> => {
      const { entries, index } = await this.#read();
      const changed = await change(entries);
      if (changed === entries) return;
      const document = { ...index, manifests: changed.map(({ raw }) => raw) };
      await this.#write("index.json", document);
    };
    await withLock(join(this.#directory, ".sluice-index.lock"), work, options);
  }

  async #read(): Promise<{ readonly index: RawIndex; readonly entries: readonly IndexEntry[] }> {
    const path = join(this.#directory, "index.json");
    const bytes = await readFileBounded(path);
    if (bytes === undefined) return { index: emptyIndex, entries: [] };
    const parsed = parseManifest(bytes, path, ociMediaTypes.index);
    if (parsed.kind !== "index") throw new InvalidDocumentError(`${path}: expected an index, found a manifest`);
    const index = rawIndexSchema.parse(parseJson(bytes, path)); // parsed once before, by the stricter schema
    const entries = parsed.manifests.map((descriptor, at) => ({
      descriptor,
      tag: descriptor.annotations?.[refNameKey],
      raw: index.manifests?.[at] ?? {},
    }));
    return { index, entries };
  }

  async #create(): Promise<void> {
    await mkdir(join(this.#directory, "blobs", "sha256"), { recursive: true });
    const marker = await readFileBounded(join(this.#directory, "oci-layout"));
    if (marker !== undefined) return;
    await removeAbandoned(this.#directory);
    await this.#write("oci-layout", layoutMarker);
  }

  #write(name: string, document: unknown): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(document));
    return writeAtomically(join(this.#directory, name), bytes, this.#directory);
  }
}

const emptyIndex: RawIndex = { schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [] };

/** A new entry, with or without a tag. */
export function indexEntry(descriptor: Descriptor, tag: string | undefined): IndexEntry {
  const named = tag === undefined ? descriptor : { ...descriptor, annotations: { [refNameKey]: tag } };
  return { descriptor: named, tag, raw: descriptorToJson(named) };
}

/** The same entry without its tag. */
export function withoutTag({ descriptor, raw }: IndexEntry): IndexEntry {
  const { [refNameKey]: _tag, ...annotations } = descriptor.annotations ?? {};
  return { descriptor: { ...descriptor, annotations }, tag: undefined, raw: { ...raw, annotations } };
}

async function readFileBounded(path: string): Promise<Uint8Array | undefined> {
  try {
    await using handle = await open(path, "r");
    return await readBounded(handle.createReadStream({ autoClose: false }), maxManifestBytes, path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
