import { type Descriptor, type Repository, sha256Of } from "@sluice/oci";

/** Of a small blob. */
export async function wholeBlob(repository: Repository, blob: Pick<Descriptor, "digest" | "size">): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of repository.readBlob(blob)) pieces.push(piece);
  return Buffer.concat(pieces);
}

export async function pushBlob(repository: Repository, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const blob = { digest: sha256Of(bytes), size: bytes.byteLength };
  await repository.pushBlob(blob, async function* () {
    yield bytes;
  });
  return { mediaType, ...blob };
}
