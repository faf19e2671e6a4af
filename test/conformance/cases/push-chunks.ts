import assert from "node:assert/strict";
import { type ConformanceCase, casesOf } from "../conformance-case.js";
import { beginUpload, ended, octets } from "../content.js";
import { hasBody, hasStatus, header, sha256 } from "../expect.js";
import type { Target } from "../target.js";

const chunkBytes = 2000;

/** distribution-spec "Pushing a blob in chunks". */
export const pushChunkCases: readonly ConformanceCase[] = casesOf("push", {
  "takes chunks in order, and tells after each how far it is": async (target) => {
    const bytes = textOf(target, 5000);
    let location = await beginUpload(target);
    for (let at = 0; at < 4000; at += chunkBytes) {
      const answer = hasStatus(await patch(target, location, bytes, at), 202);
      assert.equal(header(answer, "range"), `0-${at + chunkBytes - 1}`);
      location = header(answer, "location");
      const status = hasStatus(await target.send("GET", location), 204);
      assert.equal(header(status, "range"), `0-${at + chunkBytes - 1}`);
    }
    const last = { ...octets, "content-range": "4000-4999" };
    const put = await target.send("PUT", ended(location, sha256(bytes)), { body: bytes.slice(4000), headers: last });
    header(hasStatus(put, 201), "location");
    await hasBody(await target.send("GET", `/v2/${target.namespace}/blobs/${sha256(bytes)}`), bytes);
  },
  "refuses a second chunk that comes first with 416": async (target) => {
    const bytes = textOf(target, 4000);
    const location = await beginUpload(target);
    hasStatus(await patch(target, location, bytes, chunkBytes), 416);
  },
  "refuses a chunk that comes twice with 416, and goes on behind the first": async (target) => {
    const bytes = textOf(target, 4000);
    let location = header(hasStatus(await patch(target, await beginUpload(target), bytes, 0), 202), "location");
    hasStatus(await patch(target, location, bytes, 0), 416);
    const status = hasStatus(await target.send("GET", location), 204);
    assert.equal(header(status, "range"), `0-${chunkBytes - 1}`);
    location = header(hasStatus(await patch(target, header(status, "location"), bytes, chunkBytes), 202), "location");
    hasStatus(await target.send("PUT", ended(location, sha256(bytes))), 201);
  },
  "refuses a chunk that leaves a gap with 416": async (target) => {
    const bytes = textOf(target, 6000);
    const location = header(hasStatus(await patch(target, await beginUpload(target), bytes, 0), 202), "location");
    hasStatus(await patch(target, location, bytes, 2 * chunkBytes), 416);
  },
  "refuses an end whose chunk leaves a gap": async (target) => {
    const bytes = textOf(target, 6000);
    const location = header(hasStatus(await patch(target, await beginUpload(target), bytes, 0), 202), "location");
    const headers = { ...octets, "content-range": "4000-5999" };
    const put = await target.send("PUT", ended(location, sha256(bytes)), { body: bytes.slice(4000), headers });
    hasStatus(put, 400, 416);
    hasStatus(await target.send("HEAD", `/v2/${target.namespace}/blobs/${sha256(bytes)}`), 404);
  },
});

const textOf = (target: Target, bytes: number): string => target.unique("chunks").repeat(200).slice(0, bytes);

const patch = (target: Target, location: string, bytes: string, at: number): Promise<Response> => {
  const body = bytes.slice(at, at + chunkBytes);
  const headers = { ...octets, "content-range": `${at}-${at + body.length - 1}` };
  return target.send("PATCH", location, { body, headers });
};
