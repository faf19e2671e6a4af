import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { missingPrograms } from "@sluice/oci/testing";

const run = promisify(execFile);

/** Empty when an S3 store can be started here. */
export const missingObjectStorage: string = missingPrograms({
  "ceph-mon": "ceph-mon",
  "ceph-osd": "ceph-osd",
  radosgw: "radosgw",
  ceph: "ceph-common",
  "radosgw-admin": "ceph-common",
});

/** A Ceph of the test's own, all in memory, that speaks S3; started from nothing in about 13 s. */
export interface ObjectStorage extends AsyncDisposable {
  readonly endpoint: string;
  /** For the environment of whoever uses it. */
  readonly credentials: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };
  readonly bucket: string;
}

const credentials = { AWS_ACCESS_KEY_ID: "sluice", AWS_SECRET_ACCESS_KEY: "sluice-secret" } as const;

export async function startObjectStorage(): Promise<ObjectStorage> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-ceph-"));
  for (const name of ["mon", "osd0", "rgw"]) mkdirSync(join(folder, name));
  const [v2, v1, http] = [await freePort(), await freePort(), await freePort()];
  const config = join(folder, "ceph.conf");
  const fsid = randomUUID();
  await writeFile(config, configOf({ folder, fsid, v2, v1, http }));
  const children: ReturnType<typeof spawn>[] = [];
  const start = (program: string, ...args: string[]): void => {
    children.push(spawn(program, ["-c", config, ...args, "-f"], { stdio: "ignore" }));
  };
  const address = `[v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]`;
  const map = join(folder, "monmap");
  await run("monmaptool", ["--create", "--clobber", "--fsid", fsid, "--addv", "a", address, map]);
  await run("ceph-authtool", ["--create-keyring", join(folder, "rgw.keyring"), "--gen-key", "-n", "client.rgw"]);
  await run("ceph-mon", ["-c", config, "--id", "a", "--mkfs", "--monmap", map]);
  start("ceph-mon", "--id", "a");
  const osd = randomUUID();
  await run("ceph", ["-c", config, "osd", "new", osd]);
  await run("ceph-osd", ["-c", config, "-i", "0", "--mkfs", "--osd-uuid", osd]);
  start("ceph-osd", "-i", "0");
  start("radosgw", "-n", "client.rgw");
  const endpoint = `http://127.0.0.1:${http}`;
  while (!(await answers(endpoint))) await new Promise((resolve) => setTimeout(resolve, 200));
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = credentials;
  const user = ["user", "create", "--uid=t", "--display-name=t"];
  await run("radosgw-admin", [
    "-c",
    config,
    "-n",
    "client.rgw",
    ...user,
    `--access-key=${AWS_ACCESS_KEY_ID}`,
    `--secret-key=${AWS_SECRET_ACCESS_KEY}`,
  ]);
  await makeBucket(endpoint, "sluice");
  return {
    endpoint,
    credentials,
    bucket: "sluice",
    [Symbol.asyncDispose]: async () => {
      for (const child of children.reverse()) {
        child.kill("SIGKILL");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function makeBucket(endpoint: string, bucket: string): Promise<void> {
  const client = new S3Client({
    endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: credentials.AWS_ACCESS_KEY_ID, secretAccessKey: credentials.AWS_SECRET_ACCESS_KEY },
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    () => true,
    () => false,
  );

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

interface Places {
  readonly folder: string;
  readonly fsid: string;
  readonly v2: number;
  readonly v1: number;
  readonly http: number;
}

/** No authentication inside the cluster, one copy of everything, in memory. */
function configOf({ folder, fsid, v2, v1, http }: Places): string {
  const isRoot = existsSync("/root") && process.getuid?.() === 0;
  return `[global]
fsid = ${fsid}
mon_host = v2:127.0.0.1:${v2}/0,v1:127.0.0.1:${v1}/0
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
public_addr = 127.0.0.1
${isRoot ? "setuser =\nsetgroup =" : ""}
run_dir = ${folder}
admin_socket = ${folder}/$name.asok
log_file = ${folder}/$name.log
pid_file = ${folder}/$name.pid
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
mon_allow_pool_size_one = true
mon_data = ${folder}/mon
osd_data = ${folder}/osd0
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_crush_chooseleaf_type = 0
rgw_data = ${folder}/rgw
[client.rgw]
ms_mon_client_mode = crc
keyring = ${folder}/rgw.keyring
rgw_frontends = beast endpoint=127.0.0.1:${http}
`;
}
