import assert from "node:assert/strict";
import { type ConformanceCase, casesOf, NotOffered } from "../conformance-case.js";
import { pushBlob, pushImage } from "../content.js";
import { hasBody, hasError, hasStatus, sha256 } from "../expect.js";
import type { Target } from "../target.js";

/** distribution-spec "Content Management". */
export const contentManagementCases: readonly ConformanceCase[] = casesOf("content-management", {
  "deletes a tag and leaves the manifest": async (target) => {
    const image = await pushImage(target, "doomed-tag");
    await remove(target, "manifests/doomed-tag");
    hasStatus(await target.send("GET", `/v2/${target.namespace}/manifests/doomed-tag`), 404);
    await hasBody(
      hasStatus(await target.send("GET", `/v2/${target.namespace}/manifests/${image.digest}`), 200),
      image.text,
    );
    const { tags } = (await (await target.send("GET", `/v2/${target.namespace}/tags/list`)).json()) as {
      tags: string[] | null;
    };
    assert.ok(!(tags ?? []).includes("doomed-tag"));
  },
  "deletes a manifest with its tags": async (target) => {
    const image = await pushImage(target, "doomed-manifest");
    await remove(target, `manifests/${image.digest}`);
    for (const reference of [image.digest, "doomed-manifest"]) {
      const gone = await target.send("GET", `/v2/${target.namespace}/manifests/${reference}`);
      await hasError(gone, [404], "MANIFEST_UNKNOWN");
    }
  },
  "deletes a blob": async (target) => {
    const { digest } = await pushBlob(target, target.unique("doomed"));
    await remove(target, `blobs/${digest}`);
    hasStatus(await target.send("HEAD", `/v2/${target.namespace}/blobs/${digest}`), 404);
  },
  "takes a blob again that was deleted": async (target) => {
    const bytes = target.unique("again");
    const { digest } = await pushBlob(target, bytes);
    await remove(target, `blobs/${digest}`);
    await pushBlob(target, bytes);
    await hasBody(await target.send("GET", `/v2/${target.namespace}/blobs/${digest}`), bytes);
  },
  "has nothing to delete that is not there": async (target) => {
    await pushImage(target, "there");
    const absent = sha256(target.unique("absent"));
    for (const path of [`manifests/${absent}`, "manifests/no-such-tag", `blobs/${absent}`]) {
      const answer = await target.send("DELETE", `/v2/${target.namespace}/${path}`);
      if (answer.status === 405) throw new NotOffered(`deleting ${path.replace(/\/.*/, "")}`);
      hasStatus(answer, 404);
    }
  },
});

async function remove(target: Target, path: string): Promise<void> {
  const answer = await target.send("DELETE", `/v2/${target.namespace}/${path}`);
  if (answer.status === 405 || answer.status === 400) throw new NotOffered(`deleting ${path.replace(/:.*/, "")}`);
  hasStatus(answer, 202);
}
