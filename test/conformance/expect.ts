import assert from "node:assert/strict";
import { createHash } from "node:crypto";

/** The answer, when its status is one of these. */
export function hasStatus(answer: Response, ...wanted: readonly number[]): Response {
  const { pathname, search } = new URL(answer.url);
  assert.ok(
    wanted.includes(answer.status),
    `${pathname}${search}: status ${answer.status}, wanted ${wanted.join(" or ")}`,
  );
  return answer;
}

export function header(answer: Response, name: string): string {
  const value = answer.headers.get(name);
  assert.ok(value !== null && value !== "", `${new URL(answer.url).pathname}: no ${name} in the answer`);
  return value;
}

/** A digest header is a MAY up to 1.1 and a MUST after it; a wrong one never is right. */
export function hasDigest(answer: Response, digest: string): void {
  assert.equal(header(answer, "docker-content-digest"), digest);
}

/** distribution-spec "Error Codes": `{"errors":[{code, message, detail}]}`, with a code in capitals. */
export async function hasError(
  answer: Response,
  status: readonly number[],
  ...codes: readonly string[]
): Promise<void> {
  hasStatus(answer, ...status);
  const text = await answer.text();
  if (text === "") return; // the body is a MAY
  const { errors } = JSON.parse(text) as { errors?: { code?: string }[] };
  assert.ok(Array.isArray(errors) && errors.length > 0, `no list of errors in ${text.slice(0, 200)}`);
  for (const { code } of errors) assert.match(code ?? "", /^[A-Z_]+$/);
  if (codes.length > 0)
    assert.ok(codes.includes(errors[0]?.code ?? ""), `code ${errors[0]?.code}, wanted ${codes.join(" or ")}`);
}

export async function hasBody(answer: Response, wanted: Uint8Array | string): Promise<void> {
  const got = Buffer.from(await answer.arrayBuffer());
  assert.ok(got.equals(Buffer.from(wanted)), `${new URL(answer.url).pathname}: other bytes (${got.length})`);
}

export const sha256 = (bytes: Uint8Array | string): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
export const sha512 = (bytes: Uint8Array | string): string =>
  `sha512:${createHash("sha512").update(bytes).digest("hex")}`;
