import assert from "node:assert/strict";
import { readBounded } from "../bytes/bounded-read.js";
import { emptyBlob, emptyDescriptor } from "../descriptor.js";
import { type Digest, sha256Of } from "../digest/digest.js";
import { createImageIndex, createImageManifest, descriptorOfManifest, type ImageManifest } from "../manifest.js";
import { ociMediaTypes, sluiceMediaTypes } from "../media-types.js";
import { isNotFound } from "../repository/errors.js";
import type { Repository } from "../repository/repository.js";
import { seededRandom } from "./seeded-random.js";

/** The two functions of vitest, mocha or node:test that the suite needs. */
export interface SuiteRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
}

/** What every {@link Repository} owes its callers. `open` gives a fresh, empty, writable one each time. */
export function repositorySuite(name: string, { describe, it }: SuiteRunner, open: () => Promise<Repository>): void {
  describe(`${name} is a Repository`, () => {
    describe("blobs", () => blobSuite(it, open));
    describe("manifests and tags", () => manifestSuite(it, open));
    describe("referrers", () => referrerSuite(it, open));
    describe("cancellation", () => cancellationSuite(it, open));
  });
}

type It = SuiteRunner["it"];
type Open = () => Promise<Repository>;

/** Repeatable bytes that no compression and no zero block can hide behind. */
export function noise(sizeBytes: number, seed = 1): Uint8Array {
  const random = seededRandom(seed);
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at++) bytes[at] = random() * 256;
  return bytes;
}

export const collect = async (source: AsyncIterable<Uint8Array>): Promise<Uint8Array> =>
  Uint8Array.from(await readBounded(source, 1024 ** 3, "test blob"));

export async function* inPieces(bytes: Uint8Array, pieceBytes = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function push(repository: Repository, bytes: Uint8Array): Promise<Digest> {
  const digest = sha256Of(bytes);
  await repository.pushBlob({ digest, size: bytes.byteLength }, () => inPieces(bytes));
  return digest;
}

/** An artifact manifest with an empty config; pushes what it needs. */
async function artifact(repository: Repository, label: string, subject?: ImageManifest): Promise<ImageManifest> {
  await push(repository, emptyBlob);
  const layer = Buffer.from(label);
  await push(repository, layer);
  return createImageManifest({
    artifactType: sluiceMediaTypes.artifact,
    config: emptyDescriptor,
    layers: [{ mediaType: ociMediaTypes.layer, digest: sha256Of(layer), size: layer.byteLength }],
    annotations: { label },
    ...(subject && { subject: descriptorOfManifest(subject) }),
  });
}

const rejectsNotFound = (work: Promise<unknown>): Promise<void> =>
  assert.rejects(work, (error) => isNotFound(error) && error instanceof Error && error.message !== "");

function blobSuite(it: It, open: Open): void {
  const bytes = noise(300_000);
  const digest = sha256Of(bytes);
  const blob = { digest, size: bytes.byteLength };

  it("gives back exactly the bytes that were pushed, and knows their size", async () => {
    await using repository = await open();
    await push(repository, bytes);
    assert.deepEqual(await collect(repository.readBlob(blob)), Uint8Array.from(bytes));
    assert.equal(await repository.blobSize(digest), bytes.byteLength);
  });

  it("stores an empty blob", async () => {
    await using repository = await open();
    const empty = await push(repository, new Uint8Array());
    assert.equal(await repository.blobSize(empty), 0);
    assert.equal((await collect(repository.readBlob({ digest: empty, size: 0 }))).byteLength, 0);
  });

  it("gives back exactly the bytes of a range, at both ends and in the middle", async () => {
    await using repository = await open();
    await push(repository, bytes);
    for (const [start, end] of [
      [0, 1],
      [0, 300_000],
      [299_999, 300_000],
      [70_000, 200_001],
      [5, 5],
    ] as const) {
      const got = await collect(repository.readBlobRange(digest, { start, end }));
      assert.deepEqual(got, Uint8Array.from(bytes.subarray(start, end)), `${start} to ${end}`);
    }
  });

  it("refuses a range that reaches behind the end, instead of ending short", async () => {
    await using repository = await open();
    await push(repository, bytes);
    await assert.rejects(collect(repository.readBlobRange(digest, { start: 299_000, end: 300_001 })));
    await assert.rejects(collect(repository.readBlobRange(digest, { start: 400_000, end: 400_001 })));
  });

  it("says NOT_FOUND for a blob that is not there", async () => {
    await using repository = await open();
    assert.equal(await repository.blobSize(digest), undefined);
    await rejectsNotFound(collect(repository.readBlob(blob)));
    await rejectsNotFound(collect(repository.readBlobRange(digest, { start: 0, end: 10 })));
  });

  it("refuses pushed bytes that are not the ones named, and keeps nothing of them", async () => {
    await using repository = await open();
    const wrong = { digest: sha256Of("something else"), size: bytes.byteLength };
    await assert.rejects(repository.pushBlob(wrong, () => inPieces(bytes)));
    assert.equal(await repository.blobSize(wrong.digest), undefined);
  });

  it("refuses more or fewer bytes than named, and keeps nothing of them", async () => {
    await using repository = await open();
    await assert.rejects(repository.pushBlob({ digest, size: 299_999 }, () => inPieces(bytes)));
    await assert.rejects(repository.pushBlob({ digest, size: 300_001 }, () => inPieces(bytes)));
    assert.equal(await repository.blobSize(digest), undefined);
  });

  it("passes on the error of a source that fails, and keeps nothing of it", async () => {
    await using repository = await open();
    const failure = new Error("the disk broke");
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 1000);
      throw failure;
    }
    await assert.rejects(repository.pushBlob(blob, failing), (error) => error === failure);
    await assert.rejects(repository.pushBlobStream(failing()), (error) => error === failure);
    assert.equal(await repository.blobSize(digest), undefined);
  });

  it("takes the same blob twice", async () => {
    await using repository = await open();
    await push(repository, bytes);
    await push(repository, bytes);
    assert.equal(await repository.blobSize(digest), bytes.byteLength);
  });

  it("takes the same blob from eight writers at once", async () => {
    await using repository = await open();
    await Promise.all(Array.from({ length: 8 }, () => push(repository, bytes)));
    assert.deepEqual(await collect(repository.readBlob(blob)), Uint8Array.from(bytes));
  });

  it("names a stream whose length nobody knew", async () => {
    await using repository = await open();
    assert.deepEqual(await repository.pushBlobStream(inPieces(bytes)), blob);
    assert.deepEqual(await collect(repository.readBlob(blob)), Uint8Array.from(bytes));
  });

  it("closes its source when the reader leaves the loop", async () => {
    await using repository = await open();
    await push(repository, bytes);
    for (let round = 0; round < 40; round++) {
      for await (const piece of repository.readBlob(blob)) {
        assert.ok(piece.byteLength > 0);
        break;
      }
    }
    assert.equal((await collect(repository.readBlob(blob))).byteLength, bytes.byteLength);
  });
}

function manifestSuite(it: It, open: Open): void {
  it("gives back a manifest by tag and by digest, byte for byte", async () => {
    await using repository = await open();
    const manifest = await artifact(repository, "first");
    const { descriptor, subjectListing } = await repository.pushManifest(manifest, { tag: "v1" });
    assert.deepEqual(descriptor, descriptorOfManifest(manifest));
    assert.equal(subjectListing, "no-subject");
    for (const target of ["v1", manifest.digest]) {
      const got = await repository.getManifest(target);
      assert.equal(got.digest, manifest.digest);
      assert.deepEqual(Uint8Array.from(got.bytes), Uint8Array.from(manifest.bytes));
      assert.deepEqual(await repository.resolve(target), descriptorOfManifest(manifest));
    }
  });

  it("gives back an index", async () => {
    await using repository = await open();
    const child = await artifact(repository, "child");
    await repository.pushManifest(child);
    const index = createImageIndex([
      { ...descriptorOfManifest(child), platform: { os: "linux", architecture: "amd64" } },
    ]);
    await repository.pushManifest(index, { tag: "multi" });
    const got = await repository.getManifest("multi");
    assert.equal(got.kind, "index");
    assert.deepEqual(got.kind === "index" && got.manifests, index.manifests);
  });

  it("moves a tag, and keeps the old manifest under its digest", async () => {
    await using repository = await open();
    const [before, after] = [await artifact(repository, "before"), await artifact(repository, "after")];
    await repository.pushManifest(before, { tag: "latest" });
    await repository.pushManifest(after, { tag: "latest" });
    assert.equal((await repository.resolve("latest")).digest, after.digest);
    assert.equal((await repository.resolve(before.digest)).digest, before.digest);
  });

  it("lists its tags", async () => {
    await using repository = await open();
    const manifest = await artifact(repository, "tagged");
    for (const tag of ["a", "b", "c"]) await repository.pushManifest(manifest, { tag });
    const tags: string[] = [];
    for await (const tag of repository.tags()) tags.push(tag);
    assert.deepEqual(tags.sort(), ["a", "b", "c"]);
  });

  it("says NOT_FOUND for tags and digests that are not there, and for names that cannot be", async () => {
    await using repository = await open();
    await repository.pushManifest(await artifact(repository, "there"), { tag: "there" });
    for (const target of ["nowhere", sha256Of("nothing"), "../../etc/passwd", "", "a b"]) {
      await rejectsNotFound(repository.resolve(target));
      await rejectsNotFound(repository.getManifest(target));
    }
  });

  it("forgets a deleted manifest, its tags and its listing", async () => {
    await using repository = await open();
    const subject = await artifact(repository, "subject");
    await repository.pushManifest(subject, { tag: "keep" });
    const gone = await artifact(repository, "gone", subject);
    await repository.pushManifest(gone, { tag: "go" });
    await repository.deleteManifest(gone.digest);
    await rejectsNotFound(repository.resolve("go"));
    await rejectsNotFound(repository.getManifest(gone.digest));
    assert.deepEqual(await repository.referrers(subject.digest), []);
    assert.equal((await repository.resolve("keep")).digest, subject.digest);
  });
}

function referrerSuite(it: It, open: Open): void {
  it("lists a pushed referrer under its subject, with type and annotations", async () => {
    await using repository = await open();
    const subject = await artifact(repository, "subject");
    await repository.pushManifest(subject, { tag: "v1" });
    const referrer = await artifact(repository, "referrer", subject);
    assert.notEqual((await repository.pushManifest(referrer)).subjectListing, "no-subject");
    const [found, ...others] = await repository.referrers(subject.digest);
    assert.deepEqual(others, []);
    assert.equal(found?.digest, referrer.digest);
    assert.equal(found?.size, referrer.bytes.byteLength);
    assert.equal(found?.artifactType, sluiceMediaTypes.artifact);
    assert.equal(found?.annotations?.["label"], "referrer");
  });

  it("answers an empty list for a subject without referrers, and for one that is not there", async () => {
    await using repository = await open();
    const subject = await artifact(repository, "subject");
    await repository.pushManifest(subject, { tag: "v1" });
    assert.deepEqual(await repository.referrers(subject.digest), []);
    assert.deepEqual(await repository.referrers(sha256Of("nothing")), []);
  });

  it("lists only the type that was asked for", async () => {
    await using repository = await open();
    const subject = await artifact(repository, "subject");
    await repository.pushManifest(subject);
    const ours = await artifact(repository, "ours", subject);
    const signature = createImageManifest({
      artifactType: "application/vnd.example.signature",
      config: emptyDescriptor,
      layers: [],
      subject: descriptorOfManifest(subject),
    });
    await repository.pushManifest(ours);
    await repository.pushManifest(signature);
    assert.equal((await repository.referrers(subject.digest)).length, 2);
    const found = await repository.referrers(subject.digest, { artifactType: sluiceMediaTypes.artifact });
    assert.deepEqual(
      found.map(({ digest }) => digest),
      [ours.digest],
    );
  });

  it("lists a referrer once, however often it was pushed", async () => {
    await using repository = await open();
    const subject = await artifact(repository, "subject");
    const referrer = await artifact(repository, "referrer", subject);
    await repository.pushManifest(referrer);
    await repository.pushManifest(referrer);
    assert.equal((await repository.referrers(subject.digest)).length, 1);
  });

  it("loses none when four writers attach at once", async () => {
    await using repository = await open();
    const subject = await artifact(repository, "subject");
    const all = await Promise.all(["a", "b", "c", "d"].map((label) => artifact(repository, label, subject)));
    await Promise.all(all.map((manifest) => repository.pushManifest(manifest)));
    const found = (await repository.referrers(subject.digest)).map(({ digest }) => digest);
    assert.deepEqual([...found].sort(), all.map(({ digest }) => digest).sort());
  });
}

function cancellationSuite(it: It, open: Open): void {
  it("rejects with the caller's own reason when the signal has already fired", async () => {
    await using repository = await open();
    const bytes = noise(10_000);
    const blob = { digest: await push(repository, bytes), size: bytes.byteLength };
    const manifest = await artifact(repository, "there");
    await repository.pushManifest(manifest, { tag: "v1" });
    const reason = new Error("the reader left");
    const options = { signal: AbortSignal.abort(reason) };
    const other = noise(10_000, 2);
    const calls: (() => Promise<unknown>)[] = [
      () => repository.resolve("v1", options),
      () => repository.getManifest("v1", options),
      () => repository.blobSize(blob.digest, options),
      () => collect(repository.readBlob(blob, options)),
      () => collect(repository.readBlobRange(blob.digest, { start: 1, end: 2 }, options)),
      () => repository.pushBlob({ digest: sha256Of(other), size: 10_000 }, () => inPieces(other), options),
      () => repository.pushBlobStream(inPieces(other), options),
      () => repository.pushManifest(manifest, { ...options, tag: "v2" }),
      () => repository.deleteManifest(manifest.digest, options),
      () => repository.referrers(manifest.digest, options),
    ];
    for (const call of calls) await assert.rejects(call(), (error) => error === reason, String(call));
    assert.equal((await repository.resolve("v1")).digest, manifest.digest);
  });

  it("rejects with the caller's own reason when the signal fires between two pieces", async () => {
    await using repository = await open();
    const bytes = noise(4 * 1024 * 1024);
    const blob = { digest: await push(repository, bytes), size: bytes.byteLength };
    const stop = new AbortController();
    const reason = new Error("the reader left");
    const read = async (): Promise<void> => {
      for await (const piece of repository.readBlob(blob, { signal: stop.signal })) {
        if (piece.byteLength > 0) stop.abort(reason);
      }
    };
    await assert.rejects(read(), (error) => error === reason);
  });
}
