import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rename, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { get, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { sha256Of } from "@sluice/oci";
import { expect, it } from "vitest";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";

const anyCertificate = { rejectUnauthorized: false, agent: false } as const;

/** Writes a certificate of this name and its key, each at once. */
async function renew(folder: string, name: string): Promise<void> {
  const files = ["key", "crt"].map((kind) => join(folder, `new.${kind}`));
  const [key = "", certificate = ""] = files;
  const words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  await promisify(execFile)("openssl", [...words, "-subj", `/CN=${name}`, "-keyout", key, "-out", certificate]);
  for (const file of files) await rename(file, file.replace("new.", "tls."));
}

/** The name in the certificate that a new connection is shown. */
async function shown({ host }: RunningRegistry): Promise<string> {
  const [hostname, port] = host.split(":");
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

it("a renewed certificate is shown to new connections at SIGHUP, and a download under way goes on to its end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-tls-"));
  await renew(folder, "first");
  const tls = { certificate: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  await using registry = await startRegistry({ tls, conversions: 0 });
  const blob = randomBytes(32 * 1024 * 1024); // more than sockets hold
  const push = request(`https://${registry.host}/v2/app/blobs/uploads/?digest=${sha256Of(blob)}`, {
    ...{ ...anyCertificate, method: "POST", headers: { "content-length": blob.length } },
  });
  push.end(blob);
  expect(((await once(push, "response")) as [IncomingMessage])[0].statusCode).toBe(201); // the event's only argument

  const pull = get(`https://${registry.host}/v2/app/blobs/${sha256Of(blob)}`, anyCertificate);
  const [answer] = (await once(pull, "response")) as [IncomingMessage];
  const download = answer[Symbol.asyncIterator]();
  const parts = [(await download.next()).value as Buffer];
  expect(await shown(registry)).toBe("first");
  await renew(folder, "second");
  process.kill(registry.pid, "SIGHUP");
  await expect.poll(() => shown(registry), { timeout: 20_000 }).toBe("second");
  for (let next = await download.next(); next.done !== true; next = await download.next()) parts.push(next.value);
  expect(sha256Of(Buffer.concat(parts))).toBe(sha256Of(blob));
  await rm(folder, { recursive: true });
});
