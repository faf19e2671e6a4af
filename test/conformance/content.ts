import { hasStatus, header, sha256 } from "./expect.js";
import type { Target } from "./target.js";

export const types = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  foreignLayer: "application/vnd.oci.image.layer.nondistributable.v1.tar",
  empty: "application/vnd.oci.empty.v1+json",
} as const;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly [field: string]: unknown;
}

export interface Document extends Descriptor {
  readonly text: string;
}

export const describe = (mediaType: string, bytes: Uint8Array | string): Descriptor => ({
  mediaType,
  digest: sha256(bytes),
  size: Buffer.byteLength(bytes),
});

export function documentOf(mediaType: string, fields: object, digestOf: (text: string) => string = sha256): Document {
  const text = JSON.stringify({ schemaVersion: 2, mediaType, ...fields });
  return { text, mediaType, digest: digestOf(text), size: Buffer.byteLength(text) };
}

/** Opens an upload. @returns its location */
export async function beginUpload(target: Target, namespace: string = target.namespace): Promise<string> {
  return header(hasStatus(await target.send("POST", `/v2/${namespace}/blobs/uploads/`), 202), "location");
}

/** A location with the digest that ends the upload; a location may have a query already. */
export const ended = (location: string, digest: string): string =>
  `${location}${location.includes("?") ? "&" : "?"}digest=${encodeURIComponent(digest)}`;

export async function pushBlob(
  target: Target,
  bytes: Uint8Array | string,
  namespace: string = target.namespace,
  digest: string = sha256(bytes),
): Promise<Descriptor> {
  const location = await beginUpload(target, namespace);
  hasStatus(await target.send("PUT", ended(location, digest), { body: bytes, headers: octets }), 201);
  return { mediaType: types.layer, digest, size: Buffer.byteLength(bytes) };
}

export const octets = { "content-type": "application/octet-stream" } as const;

export async function putManifest(target: Target, reference: string, document: Document): Promise<Response> {
  return await target.send("PUT", `/v2/${target.namespace}/manifests/${reference}`, {
    body: document.text,
    headers: { "content-type": document.mediaType },
  });
}

/** An image of one layer that nobody else has. `fields` go into its manifest. */
export async function pushImage(target: Target, reference?: string, fields: object = {}): Promise<Document> {
  const config = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: [] },
    id: target.unique("config"),
  });
  const layer = target.unique("layer");
  const document = documentOf(types.manifest, {
    config: { ...(await pushBlob(target, config)), mediaType: types.config },
    layers: [await pushBlob(target, layer)],
    ...fields,
  });
  hasStatus(await putManifest(target, reference ?? document.digest, document), 201);
  return document;
}
