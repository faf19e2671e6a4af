import assert from "node:assert/strict";
import { type ConformanceCase, casesOf, NotOffered } from "../conformance-case.js";
import { pushBlob, pushImage } from "../content.js";
import { hasBody, hasDigest, hasError, hasStatus, header, sha256 } from "../expect.js";

/** distribution-spec "Pull". */
export const pullCases: readonly ConformanceCase[] = casesOf("pull", {
  "answers /v2/": async (target) => {
    hasStatus(await target.send("GET", "/v2/"), 200);
  },
  "serves a manifest by tag and by digest, byte for byte, under the type it was pushed with": async (target) => {
    const image = await pushImage(target, "pull");
    for (const reference of ["pull", image.digest]) {
      const answer = hasStatus(await target.send("GET", `/v2/${target.namespace}/manifests/${reference}`), 200);
      assert.equal(header(answer, "content-type"), image.mediaType);
      hasDigest(answer, image.digest);
      await hasBody(answer, image.text);
    }
  },
  "says in a HEAD of a manifest what a GET says, without a body": async (target) => {
    const image = await pushImage(target, "head");
    for (const reference of ["head", image.digest]) {
      const answer = hasStatus(await target.send("HEAD", `/v2/${target.namespace}/manifests/${reference}`), 200);
      assert.equal(header(answer, "content-length"), String(image.size));
      assert.equal(header(answer, "content-type"), image.mediaType);
      hasDigest(answer, image.digest);
      await hasBody(answer, "");
    }
  },
  "serves a blob byte for byte": async (target) => {
    const bytes = target.unique("blob");
    const { digest } = await pushBlob(target, bytes);
    const answer = hasStatus(await target.send("GET", `/v2/${target.namespace}/blobs/${digest}`), 200);
    hasDigest(answer, digest);
    await hasBody(answer, bytes);
  },
  "says in a HEAD of a blob how long it is and what it is": async (target) => {
    const bytes = target.unique("blob");
    const { digest } = await pushBlob(target, bytes);
    const answer = hasStatus(await target.send("HEAD", `/v2/${target.namespace}/blobs/${digest}`), 200);
    assert.equal(header(answer, "content-length"), String(bytes.length));
    hasDigest(answer, digest);
  },
  "serves the first, the middle and the last bytes of a blob": async (target) => {
    const bytes = target.unique("blob");
    const { digest } = await pushBlob(target, bytes);
    const path = `/v2/${target.namespace}/blobs/${digest}`;
    for (const [range, wanted] of [
      ["bytes=0-4", bytes.slice(0, 5)],
      ["bytes=3-6", bytes.slice(3, 7)],
      ["bytes=-3", bytes.slice(-3)],
      [`bytes=${bytes.length - 2}-`, bytes.slice(-2)],
      ["bytes=2-999999", bytes.slice(2)],
    ] as const) {
      const answer = hasStatus(await target.send("GET", path, { headers: { range } }), 206, 200);
      if (answer.status === 200) throw new NotOffered("ranges of blobs");
      assert.match(header(answer, "content-range"), new RegExp(`^bytes \\d+-\\d+/${bytes.length}$`));
      await hasBody(answer, wanted);
    }
  },
  "refuses a range behind the end of a blob with 416": async (target) => {
    const { digest } = await pushBlob(target, target.unique("blob"));
    const headers = { range: "bytes=999999-" };
    const answer = await target.send("GET", `/v2/${target.namespace}/blobs/${digest}`, { headers });
    if (answer.status === 200) throw new NotOffered("ranges of blobs");
    hasStatus(answer, 416);
  },
  "has no blob that nobody pushed": async (target) => {
    const path = `/v2/${target.namespace}/blobs/${sha256(target.unique("absent"))}`;
    await hasError(await target.send("GET", path), [404], "BLOB_UNKNOWN");
    hasStatus(await target.send("HEAD", path), 404);
  },
  "has no manifest that nobody pushed, by tag or digest": async (target) => {
    await pushBlob(target, target.unique("so that the repository is there"));
    for (const reference of ["no-such-tag", sha256(target.unique("absent"))]) {
      const path = `/v2/${target.namespace}/manifests/${reference}`;
      await hasError(await target.send("GET", path), [404], "MANIFEST_UNKNOWN", "NAME_UNKNOWN");
      hasStatus(await target.send("HEAD", path), 404);
    }
  },
  "refuses a reference that is neither tag nor digest": async (target) => {
    for (const reference of [".INVALID_MANIFEST_NAME", "sha256:totallywrong"]) {
      hasStatus(await target.send("GET", `/v2/${target.namespace}/manifests/${reference}`), 400, 404);
    }
  },
});
