import assert from "node:assert/strict";
import { type ConformanceCase, casesOf, NotOffered } from "../conformance-case.js";
import { type Descriptor, describe, documentOf, pushBlob, pushImage, putManifest, types } from "../content.js";
import { hasStatus, header, sha256 } from "../expect.js";
import type { Target } from "../target.js";

/** distribution-spec "Content Discovery". */
export const contentDiscoveryCases: readonly ConformanceCase[] = casesOf("content-discovery", {
  "lists the tags of a repository, in order": async (target) => {
    for (const tag of ["list-b", "list-a", "list-c"]) await pushImage(target, tag);
    const { name, tags } = await listTags(target, "");
    assert.equal(name, target.namespace);
    assert.deepEqual(
      tags.filter((tag) => tag.startsWith("list-")),
      ["list-a", "list-b", "list-c"],
    );
  },
  "lists so many tags as are asked for, with a link to the rest": async (target) => {
    for (const tag of ["page-1", "page-2", "page-3", "page-4"]) await pushImage(target, tag);
    const { tags: all } = await listTags(target, "");
    const seen: string[] = [];
    for (let next: string | undefined = `/v2/${target.namespace}/tags/list?n=2`; next !== undefined; ) {
      const answer = hasStatus(await target.send("GET", next), 200);
      const { tags } = (await answer.json()) as { tags: string[] };
      assert.ok(tags.length <= 2, `n=2 was answered with ${tags.length} tags`);
      seen.push(...tags);
      next = nextOf(answer);
    }
    assert.deepEqual(seen, all);
  },
  "lists the tags behind `last`, which need not exist": async (target) => {
    for (const tag of ["after-1", "after-2", "after-3"]) await pushImage(target, tag);
    assert.deepEqual((await listTags(target, "?n=1&last=after-1")).tags, ["after-2"]);
    assert.deepEqual((await listTags(target, "?n=1&last=after-15")).tags, ["after-2"]);
  },
  "lists no tags for n=0": async (target) => {
    await pushImage(target, "n-0");
    assert.deepEqual((await listTags(target, "?n=0")).tags ?? [], []);
  },
  "has no tags of a repository that is not there": async (target) => {
    hasStatus(await target.send("GET", `/v2/${target.namespace}/no/such/repository/tags/list`), 404);
  },
  "lists what refers to a manifest, with type and annotations": async (target) => {
    const { subject, referrers } = await withReferrers(target);
    const { manifests } = await listReferrers(target, subject.digest);
    assert.deepEqual(manifests.map(({ digest }) => digest).sort(), referrers.map(({ digest }) => digest).sort());
    for (const { artifactType, annotations, size, mediaType } of manifests) {
      assert.equal(typeof artifactType, "string");
      assert.equal(mediaType, types.manifest);
      assert.ok(size > 0 && (annotations as Record<string, string>)["x.id"] !== undefined);
    }
  },
  "lists only the referrers of the type that is asked for, and says that it did": async (target) => {
    const { subject, referrers } = await withReferrers(target);
    const { manifests, answer } = await listReferrers(target, subject.digest, "?artifactType=application%2Fx.one");
    if (answer.headers.get("oci-filters-applied") === null) throw new NotOffered("filters of referrers");
    assert.equal(header(answer, "oci-filters-applied"), "artifactType");
    assert.deepEqual(
      manifests.map(({ digest }) => digest),
      [referrers[0]?.digest],
    );
  },
  "takes the type of the config for the type of an artifact that has none": async (target) => {
    const { digest, mediaType, size } = await pushImage(target);
    const referrer = await pushImage(target, undefined, { subject: { digest, mediaType, size } });
    const { manifests } = await listReferrers(target, digest);
    assert.deepEqual(
      manifests.map((entry) => [entry.digest, entry["artifactType"]]),
      [[referrer.digest, types.config]],
    );
  },
  "lists an index that refers to a manifest": async (target) => {
    const { digest, mediaType, size } = await pushImage(target);
    const fields = { manifests: [], subject: { digest, mediaType, size }, artifactType: "application/x.index" };
    const index = documentOf(types.index, fields);
    hasStatus(await putManifest(target, index.digest, index), 201);
    const { manifests } = await listReferrers(target, digest);
    assert.deepEqual(
      manifests.map((entry) => [entry.digest, entry.mediaType, entry["artifactType"]]),
      [[index.digest, types.index, "application/x.index"]],
    );
  },
  "lists what refers to a manifest that is missing": async (target) => {
    const subject = describe(types.manifest, target.unique("missing"));
    const referrer = await pushImage(target, undefined, { subject });
    const { manifests } = await listReferrers(target, subject.digest);
    assert.deepEqual(
      manifests.map(({ digest }) => digest),
      [referrer.digest],
    );
  },
  "lists nothing, and not 404, where nothing refers": async (target) => {
    assert.deepEqual((await listReferrers(target, sha256(target.unique("nobody")))).manifests, []);
  },
  "refuses referrers of what is no digest": async (target) => {
    await listReferrers(target, sha256(target.unique("nobody")));
    hasStatus(await target.send("GET", `/v2/${target.namespace}/referrers/sha256:wrong`), 400);
  },
  "forgets a referrer that is deleted": async (target) => {
    const { subject, referrers } = await withReferrers(target);
    const [first, second] = referrers;
    const deleted = await target.send("DELETE", `/v2/${target.namespace}/manifests/${first?.digest}`);
    if (deleted.status === 405) throw new NotOffered("deleting manifests");
    hasStatus(deleted, 202);
    const { manifests } = await listReferrers(target, subject.digest);
    assert.deepEqual(
      manifests.map(({ digest }) => digest),
      [second?.digest],
    );
  },
});

async function withReferrers(target: Target): Promise<{ subject: Descriptor; referrers: readonly Descriptor[] }> {
  const { digest, mediaType, size } = await pushImage(target);
  const config = { ...(await pushBlob(target, "{}")), mediaType: types.empty };
  const referrers: Descriptor[] = [];
  for (const artifactType of ["application/x.one", "application/x.two"]) {
    const annotations = { "x.id": target.unique("referrer") };
    const fields = { artifactType, config, layers: [config], subject: { digest, mediaType, size }, annotations };
    const document = documentOf(types.manifest, fields);
    hasStatus(await putManifest(target, document.digest, document), 201);
    referrers.push(document);
  }
  return { subject: { digest, mediaType, size }, referrers };
}

async function listTags(target: Target, query: string): Promise<{ name: string; tags: string[] }> {
  const answer = hasStatus(await target.send("GET", `/v2/${target.namespace}/tags/list${query}`), 200);
  return (await answer.json()) as { name: string; tags: string[] };
}

async function listReferrers(
  target: Target,
  digest: string,
  query = "",
): Promise<{ manifests: Descriptor[]; answer: Response }> {
  const answer = await target.send("GET", `/v2/${target.namespace}/referrers/${digest}${query}`);
  if (answer.status === 404) throw new NotOffered("referrers");
  assert.equal(header(hasStatus(answer, 200), "content-type"), types.index);
  const { manifests, schemaVersion } = (await answer.json()) as { manifests: Descriptor[]; schemaVersion: number };
  assert.equal(schemaVersion, 2);
  return { manifests, answer };
}

function nextOf(answer: Response): string | undefined {
  const link = answer.headers.get("link");
  if (link === null) return undefined;
  const [, target] = /^<([^>]+)>;\s*rel="?next"?$/.exec(link) ?? [];
  assert.ok(target !== undefined, `Link ${link}`);
  return new URL(target, answer.url).href;
}
