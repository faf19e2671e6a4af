import { contentDigestOf, type Descriptor, type Digest, ociMediaTypes, sha256Of } from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FoundBefore, MetadataStore, NewManifest } from "../metadata/metadata-store.js";
import type { Records } from "../records/records.js";
import { parseTag } from "../registry/manifest-reference.js";
import { parseRepositoryName } from "../registry/repository-name.js";

const app = parseRepositoryName("team/app");
const team = parseRepositoryName("team");
const other = parseRepositoryName("team/app2");
const tag = parseTag;

const manifestOf = (text: string, needs: Partial<NewManifest> = {}): NewManifest => ({
  digest: sha256Of(text),
  mediaType: ociMediaTypes.manifest,
  bytes: Buffer.from(text),
  blobs: [],
  manifests: [],
  referrer: undefined,
  ...needs,
});
const referring = (text: string, subject: Digest): NewManifest =>
  manifestOf(text, {
    referrer: {
      subject,
      descriptor: { mediaType: ociMediaTypes.manifest, digest: sha256Of(text), size: text.length, artifactType: text },
    },
  });

const isStored = async (): Promise<boolean> => true;

/** An opened store, and how it is opened again with what it has kept. */
export interface OpenedMetadata {
  readonly store: MetadataStore & { readonly records: Records };
  reopen(): Promise<MetadataStore>;
  dispose(): Promise<void>;
}

/** What every MetadataStore owes a registry. Run it against each implementation. */
export function metadataStoreSuite(name: string, open: () => Promise<OpenedMetadata>): void {
  describe(`${name} is a MetadataStore`, () => {
    let opened: OpenedMetadata;
    let store: MetadataStore;
    let records: Records;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
      records = opened.store.records;
    });
    afterEach(() => opened.dispose());
    const referrersOf = async (...which: Parameters<MetadataStore["referrers"]>): Promise<readonly Descriptor[]> => {
      const found: Descriptor[] = [];
      for await (const referrer of store.referrers(...which)) found.push(referrer as Descriptor); // of sha256 only
      return found;
    };

    it("knows nothing at first", async () => {
      expect(await store.repositories({ limit: 10 })).toEqual([]);
      expect(await store.hasRepository(app)).toBe(false);
      expect(await store.tags(app, { limit: 10 })).toEqual([]);
      expect(await store.manifest(app, sha256Of("x"))).toBeUndefined();
      expect(await referrersOf(app, sha256Of("x"))).toEqual([]);
    });

    it("links a blob into one repository, not into those whose names begin alike", async () => {
      const digest = sha256Of("blob");
      await store.linkBlob(app, digest, isStored);
      await store.linkBlob(app, digest, isStored);
      const held = await Promise.all([app, team, other].map((repository) => store.hasBlob(repository, digest)));
      expect(held).toEqual([true, false, false]);
      expect(await store.unlinkBlob(team, digest)).toBe(false);
      expect([await store.unlinkBlob(app, digest), await store.unlinkBlob(app, digest)]).toEqual([true, false]);
    });

    it("links no blob whose bytes are not there, and leaves a link that is", async () => {
      const digest = sha256Of("blob");
      expect(await store.linkBlob(app, digest, async () => false)).toBe(false);
      expect([await store.hasBlob(app, digest), await store.hasRepository(app)]).toEqual([false, false]);
      await store.linkBlob(app, digest, isStored);
      expect(await store.linkBlob(app, digest, async () => false)).toBe(false);
      expect(await store.hasBlob(app, digest)).toBe(true);
    });

    it("lists repositories by name, page by page", async () => {
      for (const repository of [other, app, team]) await store.linkBlob(repository, sha256Of("x"), isStored);
      for await (const digest of store.linkedBlobs()) expect(digest).toBe(sha256Of("x"));
      expect(await store.repositories({ limit: 2 })).toEqual(["team", "team/app"]);
      expect(await store.repositories({ limit: 2, after: "team/app" })).toEqual(["team/app2"]);
    });

    it("stores a manifest whole or, when something it needs is missing, not at all", async () => {
      const [blob, child] = [sha256Of("blob"), manifestOf("child")];
      const parent = manifestOf("parent", { blobs: [blob], manifests: [child.digest] });
      expect(await store.putManifest(app, parent, [tag("latest")])).toEqual([blob, child.digest]);
      expect(await store.hasRepository(app)).toBe(false);
      expect(await store.resolveTag(app, tag("latest"))).toBeUndefined();
      await store.linkBlob(app, blob, isStored);
      await store.putManifest(app, child, []);
      expect(await store.putManifest(app, parent, [tag("latest")])).toEqual([]);
      expect(await store.resolveTag(app, tag("latest"))).toBe(parent.digest);
      const { mediaType, bytes } = (await store.manifest(app, parent.digest)) ?? {};
      expect([mediaType, Buffer.from(bytes ?? []).toString()]).toEqual([ociMediaTypes.manifest, "parent"]);
    });

    it("keeps bytes that are no text", async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
      await store.putManifest(app, { ...manifestOf("x"), bytes }, []);
      expect(Buffer.from((await store.manifest(app, sha256Of("x")))?.bytes ?? [])).toEqual(Buffer.from(bytes));
    });

    it("moves a tag, and forgets where it was", async () => {
      const [one, two] = [manifestOf("one"), manifestOf("two")];
      await store.putManifest(app, one, [tag("a")]);
      await store.putManifest(app, two, [tag("a")]);
      expect(await store.deleteManifest(app, one.digest)).toBe(true);
      expect(await store.resolveTag(app, tag("a"))).toBe(two.digest);
    });

    it("takes a manifest's tags and its place among the referrers away with it", async () => {
      const subject = sha256Of("subject");
      const [one, two] = [referring("one", subject), referring("two", subject)];
      await store.putManifest(app, one, [tag("a")]);
      await store.putManifest(app, one, [tag("b")]);
      await store.putManifest(app, two, [tag("c")]);
      expect((await referrersOf(app, subject)).map(({ artifactType }) => artifactType).sort()).toEqual(["one", "two"]);
      expect(await referrersOf(other, subject)).toEqual([]);
      expect([await store.deleteManifest(app, one.digest), await store.deleteManifest(app, one.digest)]).toEqual([
        true,
        false,
      ]);
      expect(await store.tags(app, { limit: 10 })).toEqual(["c"]);
      expect((await referrersOf(app, subject)).map(({ artifactType }) => artifactType)).toEqual(["two"]);
    });

    it("lists many referrers by digest, from any of them on", async () => {
      const subject = sha256Of("subject");
      const all = Array.from({ length: 120 }, (_, at) => referring(`r${at}`, subject));
      for (const manifest of all) await store.putManifest(app, manifest, []);
      const digests = all.map(({ digest }) => digest).sort();
      expect((await referrersOf(app, subject)).map(({ digest }) => digest)).toEqual(digests);
      const behind = await referrersOf(app, subject, { after: digests[99] });
      expect(behind.map(({ digest }) => digest)).toEqual(digests.slice(100));
    });

    it("gives back what refers to a manifest as it was told, whatever its annotations say", async () => {
      const subject = sha256Of("subject");
      const annotations = { "a\u0000b": "\u0000", half: "\ud83d", other: "\udc7b?", both: "\ud83d\udc7b" };
      const descriptor = { mediaType: ociMediaTypes.manifest, digest: sha256Of("odd"), size: 3, annotations };
      await store.putManifest(app, manifestOf("odd", { referrer: { subject, descriptor } }), []);
      expect(await referrersOf(app, subject)).toEqual([descriptor]);
    });

    it("writes records with a change, and none when nothing changes", async () => {
      const told: unknown[] = [];
      const telling = (key: string) => ({
        records: (found: FoundBefore | readonly string[]) => {
          const isNew = "isNew" in found ? found.isNew : found;
          told.push(isNew);
          return [{ kind: "event", key, document: { key, isNew } }];
        },
      });
      const [blob, manifest] = [sha256Of("blob"), manifestOf("m", { blobs: [sha256Of("blob")] })];
      await store.putManifest(app, manifest, [tag("a")], telling("refused"));
      await store.deleteTag(app, tag("a"), telling("no tag"));
      await store.deleteManifest(app, manifest.digest, telling("no manifest"));
      expect(told).toEqual([]);
      await store.linkBlob(app, blob, isStored);
      await store.putManifest(app, manifest, [tag("a")], telling("1 new"));
      await store.putManifest(app, manifest, [tag("b")], telling("2 again"));
      await store.deleteTag(app, tag("a"), telling("3 tag"));
      await store.deleteManifest(app, manifest.digest, telling("4 manifest"));
      expect(told).toEqual([true, false, false, ["b"]]);
      const keys = (await records.list("event", { limit: 10 })).map(({ key, version }) => [key, version]);
      expect(keys).toEqual([
        ["1 new", 1],
        ["2 again", 1],
        ["3 tag", 1],
        ["4 manifest", 1],
      ]);
    });

    it("changes nothing where its records cannot be written", async () => {
      const records = () => {
        throw new Error("no record");
      };
      await expect(store.putManifest(app, manifestOf("m"), [tag("a")], { records })).rejects.toThrow("no record");
      expect([await store.resolveTag(app, tag("a")), await store.manifest(app, sha256Of("m"))]).toEqual([
        undefined,
        undefined,
      ]);
    });

    it("tells a change where its tags were", async () => {
      const found: unknown[] = [];
      const records = ({ tags }: FoundBefore) => {
        found.push([...tags]);
        return [];
      };
      const [one, two] = [manifestOf("one"), manifestOf("two")];
      await store.putManifest(app, one, [tag("a")], { records });
      await store.putManifest(app, two, [tag("a"), tag("b")], { records });
      await store.deleteTag(app, tag("b"), { records });
      expect(found).toEqual([[], [["a", one.digest]], [["b", two.digest]]]);
    });

    it("removes records with a change, and writes those of a repository in turn with its changes", async () => {
      const notes = async () => (await records.list("note", { limit: 9 })).map(({ key, version }) => [key, version]);
      const kept = { kind: "note", key: "kept", document: { at: 1 } };
      await store.writeRecords(app, [kept, { ...kept, key: "gone" }]);
      const changed = () => [{ kind: "note", key: "gone", document: undefined }, kept];
      await store.putManifest(app, manifestOf("m"), [], { records: changed });
      expect(await notes()).toEqual([["kept", 2]]);
      const old = { ...kept, document: undefined, version: 1 };
      await expect(store.writeRecords(app, [old])).rejects.toMatchObject({ code: "RECORD_CONFLICT" });
      await store.writeRecords(app, [{ ...old, version: 2 }]);
      expect(await notes()).toEqual([]);
    });

    it("moves several tags at once", async () => {
      const [one, two] = [manifestOf("one"), manifestOf("two")];
      await store.putManifest(app, one, [tag("a"), tag("b")]);
      await store.putManifest(app, two, [tag("b"), tag("c")]);
      const found = await Promise.all(["a", "b", "c"].map((text) => store.resolveTag(app, tag(text))));
      expect(found).toEqual([one.digest, two.digest, two.digest]);
    });

    it("keeps what is named by sha512 apart from what is named by sha256", async () => {
      const [short, long] = [sha256Of("blob"), contentDigestOf("blob", "sha512")];
      await store.linkBlob(app, long, isStored);
      expect([await store.hasBlob(app, short), await store.hasBlob(app, long)]).toEqual([false, true]);
      const manifest = manifestOf("m", { digest: contentDigestOf("m", "sha512"), blobs: [long] });
      expect(await store.putManifest(app, manifest, [tag("latest")])).toEqual([]);
      expect(await store.resolveTag(app, tag("latest"))).toBe(manifest.digest);
    });

    it("lists the manifests of a repository, and of no other", async () => {
      await store.putManifest(app, manifestOf("one"), []);
      await store.putManifest(app, manifestOf("two"), []);
      await store.putManifest(other, manifestOf("three"), []);
      const listed = [];
      for await (const { digest, bytes } of store.manifests(app)) listed.push([digest, Buffer.from(bytes).toString()]);
      expect(listed.sort()).toEqual(["one", "two"].map((text) => [sha256Of(text), text]).sort());
    });

    it("tells which blobs no manifest names, and unlinks none that one does or that has not been so for long", async () => {
      const [used, unused] = [sha256Of("used"), sha256Of("unused")];
      for (const digest of [used, unused]) await store.linkBlob(app, digest, isStored);
      const both = [manifestOf("one", { blobs: [used] }), manifestOf("two", { blobs: [used] })] as const;
      for (const manifest of both) await store.putManifest(app, manifest, []);
      const found = async (): Promise<unknown> => {
        const digests = [];
        for await (const { digest } of store.unusedBlobs(app)) digests.push(digest);
        return digests.sort();
      };
      expect(await found()).toEqual([unused]);
      const later = Date.now() + 60_000;
      expect(await store.unlinkBlob(app, used, { unusedBeforeMs: later })).toBe(false);
      expect(await store.unlinkBlob(app, used)).toBe(false);
      await store.deleteManifest(app, both[0].digest);
      expect(await found()).toEqual([unused]);
      await store.deleteManifest(app, both[1].digest);
      expect(await found()).toEqual([unused, used].sort());
      expect(await store.unlinkBlob(app, used, { unusedBeforeMs: Date.now() - 60_000 })).toBe(false);
      expect(await store.unlinkBlob(app, used, { unusedBeforeMs: later })).toBe(true);
      expect([await store.hasBlob(app, used), await store.hasBlob(app, unused)]).toEqual([false, true]);
    });

    it("keeps the blobs of a manifest that went so, until they are released, and not while it is there again", async () => {
      const blob = sha256Of("blob");
      const manifest = manifestOf("kept", { blobs: [blob] });
      const later = Date.now() + 60_000;
      await store.linkBlob(app, blob, isStored);
      await store.putManifest(app, manifest, [tag("b"), tag("A")]);
      const tags: (readonly string[])[] = [];
      const records = (gone: readonly string[]) => {
        tags.push(gone.toSorted());
        return [{ kind: "deleted", key: manifest.digest, document: {} }];
      };
      expect(await store.deleteManifest(app, manifest.digest, { keepsBlobs: true, records })).toBe(true);
      expect([await store.manifest(app, manifest.digest), await store.tags(app, { limit: 9 })]).toEqual([
        undefined,
        [],
      ]);
      expect(await store.unlinkBlob(app, blob, { unusedBeforeMs: later })).toBe(false);
      await store.putManifest(app, manifest, []);
      await store.releaseBlobs(app, manifest.digest, [blob]);
      expect(await store.unlinkBlob(app, blob, { unusedBeforeMs: later })).toBe(false);
      await store.deleteManifest(app, manifest.digest, { keepsBlobs: true, records });
      await store.releaseBlobs(app, manifest.digest, [blob]);
      await store.releaseBlobs(app, manifest.digest, [blob]);
      expect(await store.unlinkBlob(app, blob, { unusedBeforeMs: Date.now() - 60_000 })).toBe(false);
      expect(await store.unlinkBlob(app, blob, { unusedBeforeMs: later })).toBe(true);
      expect(tags).toEqual([["A", "b"], []]);
    });

    it("releases no blobs whose record somebody else has written meanwhile", async () => {
      const blob = sha256Of("blob");
      const manifest = manifestOf("kept", { blobs: [blob] });
      await store.linkBlob(app, blob, isStored);
      await store.putManifest(app, manifest, []);
      await store.deleteManifest(app, manifest.digest, { keepsBlobs: true });
      await store.writeRecords(app, [{ kind: "deleted", key: "kept", document: {} }]);
      const gone = (version: number) => ({ records: [{ kind: "deleted", key: "kept", document: undefined, version }] });
      const conflict = { code: "RECORD_CONFLICT" };
      await expect(store.releaseBlobs(app, manifest.digest, [blob], gone(2))).rejects.toMatchObject(conflict);
      expect(await store.unlinkBlob(app, blob, { unusedBeforeMs: Date.now() + 60_000 })).toBe(false);
      await store.releaseBlobs(app, manifest.digest, [blob], gone(1));
      expect(await records.get("deleted", "kept")).toBeUndefined();
      expect(await store.unlinkBlob(app, blob, { unusedBeforeMs: Date.now() + 60_000 })).toBe(true);
    });

    it("lets a blob's bytes go only while no repository links it", async () => {
      const digest = sha256Of("blob");
      await store.linkBlob(app, digest, isStored);
      const never = async (): Promise<void> => expect.unreachable();
      expect(await store.whileUnlinked(digest, never)).toBe(false);
      await store.unlinkBlob(app, digest);
      const order: string[] = [];
      let linked: Promise<boolean> | undefined;
      const removed = await store.whileUnlinked(digest, async () => {
        linked = store.linkBlob(other, digest, async () => {
          order.push("asked");
          return false;
        });
        // Long enough for a link that nothing holds up to be first; one that waits, waits however long this takes.
        await Promise.race([linked, new Promise((resolve) => setTimeout(resolve, 200))]);
        order.push("removed");
      });
      expect([removed, await linked, order]).toEqual([true, false, ["removed", "asked"]]);
    });

    it("removes a tag alone", async () => {
      const one = manifestOf("one");
      await store.putManifest(app, one, [tag("a")]);
      expect([await store.deleteTag(app, tag("a")), await store.deleteTag(app, tag("a"))]).toEqual([true, false]);
      expect(await store.manifest(app, one.digest)).toBeDefined();
    });

    it("lists tags without regard to case, page by page, those that differ by case as two", async () => {
      for (const text of ["b", "B", "a", "C", "1", "_", "a-b", "a.b"])
        await store.putManifest(app, manifestOf("x"), [tag(text)]);
      const all = ["1", "_", "a", "a-b", "a.b", "B", "b", "C"];
      expect(await store.tags(app, { limit: 100 })).toEqual(all);
      expect(await store.tags(app, { limit: 3, after: "a" })).toEqual(["a-b", "a.b", "B"]);
      expect(await store.tags(app, { limit: 3, after: "B" })).toEqual(["b", "C"]);
    });

    it("loses nothing when many write at once", async () => {
      const texts = Array.from({ length: 30 }, (_, at) => `m${at}`);
      await Promise.all(texts.map((text) => store.putManifest(app, manifestOf(text), [tag("latest")])));
      const last = await store.resolveTag(app, tag("latest"));
      await Promise.all(
        texts.filter((text) => sha256Of(text) !== last).map((text) => store.deleteManifest(app, sha256Of(text))),
      );
      expect(await store.resolveTag(app, tag("latest"))).toBe(last);
    });

    it("never tells of a manifest whose blob went before it came", async () => {
      const blob = sha256Of("blob");
      await store.linkBlob(app, blob, isStored);
      const manifest = manifestOf("m", { blobs: [blob] });
      const [wasThere, missing] = await Promise.all([
        store.unlinkBlob(app, blob),
        store.putManifest(app, manifest, []),
      ]);
      expect([wasThere, missing]).toEqual([true, [blob]]);
      expect(await store.manifest(app, manifest.digest)).toBeUndefined();
    });

    it("knows whose an upload is until it is told to forget", async () => {
      await store.addUpload(app, "id-1");
      expect([await store.repositoryOfUpload("id-1"), await store.repositoryOfUpload("id-2")]).toEqual([
        app,
        undefined,
      ]);
      const known = [];
      for await (const id of store.uploads()) known.push(id);
      expect(known).toEqual(["id-1"]);
      await store.removeUpload("id-1");
      await store.removeUpload("id-1");
      expect(await store.repositoryOfUpload("id-1")).toBeUndefined();
    });

    it("keeps everything when it is closed and opened again", async () => {
      await store.linkBlob(app, sha256Of("blob"), isStored);
      await store.putManifest(app, manifestOf("m", { blobs: [sha256Of("blob")] }), [tag("latest")]);
      store = await opened.reopen();
      expect(await store.hasBlob(app, sha256Of("blob"))).toBe(true);
      expect(await store.resolveTag(app, tag("latest"))).toBe(sha256Of("m"));
    });

    it("changes nothing for a caller who has given up", async () => {
      const signal = AbortSignal.abort(new Error("given up"));
      await expect(store.linkBlob(app, sha256Of("blob"), isStored, { signal })).rejects.toThrow("given up");
      expect(await store.hasBlob(app, sha256Of("blob"))).toBe(false);
    });
  });
}
