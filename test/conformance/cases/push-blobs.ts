import { type ConformanceCase, casesOf, NotOffered } from "../conformance-case.js";
import { beginUpload, ended, octets, pushBlob } from "../content.js";
import { hasBody, hasDigest, hasError, hasStatus, header, sha256, sha512 } from "../expect.js";
import type { Target } from "../target.js";

/** distribution-spec "Pushing blobs" in one piece, mounted, and cancelled. */
export const pushBlobCases: readonly ConformanceCase[] = casesOf("push", {
  "takes a blob by POST and PUT, and says where it is": async (target) => {
    const bytes = target.unique("post and put");
    const location = await beginUpload(target);
    const put = await target.send("PUT", ended(location, sha256(bytes)), { body: bytes, headers: octets });
    await isPullableAt(target, hasStatus(put, 201), bytes);
  },
  "takes a blob in one POST, or opens an upload for it": async (target) => {
    const bytes = target.unique("one post");
    const path = `/v2/${target.namespace}/blobs/uploads/?digest=${sha256(bytes)}`;
    const answer = hasStatus(await target.send("POST", path, { body: bytes, headers: octets }), 201, 202);
    if (answer.status === 202) throw new NotOffered("a push in one POST");
    await isPullableAt(target, answer, bytes);
  },
  "takes a blob that is streamed, without knowing its length": async (target) => {
    const bytes = target.unique("streamed").repeat(100);
    const location = await beginUpload(target);
    const patched = await target.send("PATCH", location, { body: bytes, headers: octets, streamed: true });
    const next = header(hasStatus(patched, 202), "location");
    await isPullableAt(target, hasStatus(await target.send("PUT", ended(next, sha256(bytes))), 201), bytes);
  },
  "takes a blob of no bytes": async (target) => {
    const location = await beginUpload(target);
    const put = await target.send("PUT", ended(location, sha256("")), { headers: octets });
    await isPullableAt(target, hasStatus(put, 201), "");
  },
  "takes a blob that is there already": async (target) => {
    const bytes = target.unique("twice");
    await pushBlob(target, bytes);
    await pushBlob(target, bytes);
  },
  "refuses bytes that are not those of the digest, in PUT and in POST, and keeps nothing": async (target) => {
    const digest = sha256(target.unique("named"));
    const body = target.unique("sent");
    const location = await beginUpload(target);
    await hasError(
      await target.send("PUT", ended(location, digest), { body, headers: octets }),
      [400],
      "DIGEST_INVALID",
    );
    const path = `/v2/${target.namespace}/blobs/uploads/?digest=${digest}`;
    const posted = await target.send("POST", path, { body, headers: octets });
    if (posted.status !== 202) await hasError(posted, [400], "DIGEST_INVALID");
    hasStatus(await target.send("HEAD", `/v2/${target.namespace}/blobs/${digest}`), 404);
  },
  "refuses a digest that is none": async (target) => {
    for (const digest of ["sha256:beef", "sha256:../../x", "md5:d41d8cd98f00b204e9800998ecf8427e", "nothing"]) {
      const location = await beginUpload(target);
      hasStatus(await target.send("PUT", ended(location, digest), { body: "x", headers: octets }), 400);
    }
  },
  "takes and serves a blob that is named by sha512": async (target) => {
    const bytes = target.unique("sha512");
    const digest = sha512(bytes);
    const location = await beginUpload(target);
    const put = await target.send("PUT", ended(location, digest), { body: bytes, headers: octets });
    if (put.status === 400) throw new NotOffered("sha512");
    hasStatus(put, 201);
    const answer = hasStatus(await target.send("GET", `/v2/${target.namespace}/blobs/${digest}`), 200);
    hasDigest(answer, digest);
    await hasBody(answer, bytes);
    const wrong = await target.send("PUT", ended(await beginUpload(target), digest), {
      body: "other",
      headers: octets,
    });
    hasStatus(wrong, 400);
  },
  "mounts a blob of another repository": async (target) => {
    const bytes = target.unique("mounted");
    const { digest } = await pushBlob(target, bytes);
    const to = target.crossmountNamespace;
    const path = `/v2/${to}/blobs/uploads/?mount=${digest}&from=${target.namespace}`;
    const answer = hasStatus(await target.send("POST", path), 201, 202);
    if (answer.status === 202) throw new NotOffered("mounting");
    await isPullableAt(target, answer, bytes);
    hasStatus(await target.send("HEAD", `/v2/${to}/blobs/${digest}`), 200);
  },
  "opens an upload where it cannot mount": async (target) => {
    const digest = sha256(target.unique("absent"));
    const path = `/v2/${target.crossmountNamespace}/blobs/uploads/?mount=${digest}&from=${target.namespace}`;
    header(hasStatus(await target.send("POST", path), 202), "location");
  },
  "has no blob of another repository that was not mounted": async (target) => {
    const { digest } = await pushBlob(target, target.unique("elsewhere"));
    hasStatus(await target.send("GET", `/v2/${target.crossmountNamespace}/blobs/${digest}`), 404);
  },
  "cancels an upload, which is then unknown": async (target) => {
    const location = await beginUpload(target);
    const cancelled = await target.send("DELETE", location);
    if (cancelled.status === 405) throw new NotOffered("cancelling");
    hasStatus(cancelled, 204);
    await hasError(await target.send("GET", location), [404], "BLOB_UPLOAD_UNKNOWN");
    await hasError(await target.send("PATCH", location, { body: "x", headers: octets }), [404], "BLOB_UPLOAD_UNKNOWN");
  },
  "knows no upload of another repository": async (target) => {
    const location = new URL(await beginUpload(target), "http://any");
    const path = location.pathname.replace(`/v2/${target.namespace}/`, `/v2/${target.crossmountNamespace}/`);
    const hijacked = await target.send("PATCH", `${path}${location.search}`, { body: "x", headers: octets });
    hasStatus(hijacked, 400, 403, 404);
  },
});

/** What a push answers names a blob that can be pulled there. */
async function isPullableAt(target: Target, pushed: Response, bytes: string): Promise<void> {
  hasDigest(pushed, sha256(bytes));
  await hasBody(hasStatus(await target.send("GET", header(pushed, "location")), 200), bytes);
}
