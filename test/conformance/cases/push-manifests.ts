import assert from "node:assert/strict";
import { type ConformanceCase, casesOf, NotOffered } from "../conformance-case.js";
import { type Document, describe, documentOf, pushBlob, pushImage, putManifest, types } from "../content.js";
import { hasBody, hasDigest, hasError, hasStatus, header, sha256, sha512 } from "../expect.js";
import type { Target } from "../target.js";

/** distribution-spec "Pushing Manifests". */
export const pushManifestCases: readonly ConformanceCase[] = casesOf("push", {
  "takes a manifest by tag and by digest, and says where it is": async (target) => {
    const image = await pushImage(target);
    for (const reference of ["pushed", image.digest]) {
      const answer = hasStatus(await putManifest(target, reference, image), 201);
      hasDigest(answer, image.digest);
      await hasBody(hasStatus(await target.send("GET", header(answer, "location")), 200), image.text);
    }
  },
  "moves a tag": async (target) => {
    await pushImage(target, "moving");
    const second = await pushImage(target, "moving");
    await isStored(target, "moving", second);
  },
  "refuses a manifest under a digest that is not its own, or none": async (target) => {
    const image = await pushImage(target);
    for (const digest of [sha256(target.unique("other")), "sha256:totallywrong"]) {
      await hasError(
        await putManifest(target, digest, image),
        [400],
        "DIGEST_INVALID",
        "MANIFEST_INVALID",
        "UNSUPPORTED",
      );
    }
  },
  "refuses a manifest whose layer is missing": async (target) => {
    const config = describe(types.config, "{}");
    await pushBlob(target, "{}");
    const broken = documentOf(types.manifest, { config, layers: [describe(types.layer, target.unique("absent"))] });
    const answer = await putManifest(target, "broken", broken);
    if (answer.status === 201) throw new NotOffered("checking what a manifest needs");
    await hasError(answer, [400, 404], "MANIFEST_BLOB_UNKNOWN");
    hasStatus(await target.send("GET", `/v2/${target.namespace}/manifests/broken`), 404);
  },
  "refuses what is no manifest": async (target) => {
    const garbage = { ...documentOf(types.manifest, {}), text: "not json" };
    await hasError(await putManifest(target, "garbage", garbage), [400], "MANIFEST_INVALID");
  },
  "takes an artifact without layers, with the empty config": async (target) => {
    await pushBlob(target, "{}");
    const empty = { ...describe(types.empty, "{}"), data: "e30=" };
    const fields = {
      artifactType: "application/x.test",
      config: empty,
      layers: [],
      annotations: { id: target.unique("a") },
    };
    await accepts(target, "artifact", documentOf(types.manifest, fields));
  },
  "takes media types and fields that it does not know": async (target) => {
    const bytes = target.unique("strange");
    const layer = { ...(await pushBlob(target, bytes)), mediaType: "application/x.never-seen+gzip", "x.field": [1] };
    const config = { ...(await pushBlob(target, target.unique("config"))), mediaType: "text/x-config; charset=utf-8" };
    await accepts(target, "strange", documentOf(types.manifest, { config, layers: [layer], "x.top": { deep: true } }));
  },
  "takes layers that must not be distributed, without their bytes": async (target) => {
    const config = { ...(await pushBlob(target, target.unique("config"))), mediaType: types.config };
    const foreign = { ...describe(types.foreignLayer, target.unique("foreign")), urls: ["https://example.com/layer"] };
    await accepts(target, "foreign", documentOf(types.manifest, { config, layers: [foreign] }));
  },
  "takes an index of images, an index of indexes, and an empty one": async (target) => {
    const [one, two] = [await pushImage(target), await pushImage(target)];
    const children = [one, two].map(({ mediaType, digest, size }, at) => ({
      mediaType,
      digest,
      size,
      platform: { os: "linux", architecture: at === 0 ? "amd64" : "arm64" },
    }));
    const index = documentOf(types.index, { manifests: children });
    await accepts(target, "index", index);
    const { mediaType, digest, size } = index;
    await accepts(target, "nested", documentOf(types.index, { manifests: [{ mediaType, digest, size }] }));
    await accepts(
      target,
      "no-children",
      documentOf(types.index, { manifests: [], annotations: { id: target.unique("i") } }),
    );
  },
  "takes an index of many children": async (target) => {
    const { mediaType, digest, size } = await pushImage(target);
    const manifests = Array.from({ length: 2000 }, (_, at) => ({
      mediaType,
      digest,
      size,
      annotations: { at: String(at) },
    }));
    await accepts(target, "many-children", documentOf(types.index, { manifests }));
  },
  "takes a manifest of four megabytes at least": async (target) => {
    const annotations = Object.fromEntries(Array.from({ length: 390 }, (_, at) => [`large-${at}`, "a".repeat(10_000)]));
    await pushImage(target, "large", { annotations });
  },
  "names the subject of what refers to one, whether it is there or not": async (target) => {
    const { mediaType, digest, size } = await pushImage(target);
    for (const subject of [{ mediaType, digest, size }, describe(types.manifest, target.unique("missing subject"))]) {
      const config = { ...(await pushBlob(target, "{}")), mediaType: types.empty };
      const fields = {
        artifactType: "application/x.test",
        config,
        layers: [config],
        subject,
        annotations: { id: target.unique("s") },
      };
      const document = documentOf(types.manifest, fields);
      const answer = hasStatus(await putManifest(target, document.digest, document), 201);
      if (answer.headers.get("oci-subject") === null) throw new NotOffered("referrers");
      assert.equal(header(answer, "oci-subject"), subject.digest);
    }
  },
  "takes a manifest that is named by sha512, of content that is": async (target) => {
    const bytes = target.unique("sha512");
    const digest = sha512(bytes);
    const blob = await pushBlob(target, bytes, target.namespace, digest).catch(() => {
      throw new NotOffered("sha512");
    });
    const document = documentOf(
      types.manifest,
      { config: { ...blob, mediaType: types.config }, layers: [blob] },
      sha512,
    );
    const answer = await putManifest(target, document.digest, document);
    if (answer.status === 400) throw new NotOffered("manifests named by sha512");
    hasDigest(hasStatus(answer, 201), document.digest);
    await isStored(target, document.digest, document);
  },
  "moves the tags that a push by digest names, and says so": async (target) => {
    const image = await pushImage(target);
    const answer = hasStatus(await putManifest(target, `${image.digest}?tag=by-query-1&tag=by-query-2`, image), 201);
    const moved = answer.headers.get("oci-tag");
    if (moved === null) throw new NotOffered("tags of a push by digest");
    assert.deepEqual(
      moved
        .split(",")
        .map((tag) => tag.trim())
        .sort(),
      ["by-query-1", "by-query-2"],
    );
    for (const tag of ["by-query-1", "by-query-2"]) await isStored(target, tag, image);
  },
  "warns, if at all, in the form of the specification": async (target) => {
    const image = await pushImage(target, "warned");
    for (const warning of ((await putManifest(target, "warned", image)).headers.get("warning") ?? "").split(
      /,\s*(?=299)/,
    )) {
      if (warning === "") continue;
      assert.match(warning, /^299 - "(?:[^"\\]|\\.)*"$/);
      assert.ok(warning.length <= 4096);
    }
  },
});

async function accepts(target: Target, tag: string, document: Document): Promise<void> {
  hasDigest(hasStatus(await putManifest(target, tag, document), 201), document.digest);
  await isStored(target, tag, document);
}

async function isStored(target: Target, reference: string, document: Document): Promise<void> {
  const answer = await target.send("GET", `/v2/${target.namespace}/manifests/${reference}`);
  assert.equal(header(hasStatus(answer, 200), "content-type"), document.mediaType);
  await hasBody(answer, document.text);
}
