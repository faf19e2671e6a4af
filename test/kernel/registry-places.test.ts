import { execFile } from "node:child_process";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { anonymous, ImageLayout, RegistryClient } from "@sluice/oci";
import { afterAll, beforeAll, expect, it } from "vitest";
import { KeptNode } from "../support/kept-node.js";
import { output } from "../support/other-process.js";
import { startRegistry } from "../support/running-registry.js";
import { program, sluiceJson } from "../support/sluice.js";
import { pushSmallImage } from "../support/small-image.js";

const execute = promisify(execFile);

let node: KeptNode;
beforeAll(async () => {
  node = await KeptNode.create();
});
afterAll(() => node[Symbol.asyncDispose]());

it("AS6: serves and streams where it has a private address only, which nobody else reaches", async () => {
  await using layout = new ImageLayout(join(node.folder, "layout"));
  await pushSmallImage(layout, "1", { layers: [[{ name: "hello", content: "from far inside" }]] });
  await using registry = await startRegistry(
    { allowOpen: true, conversions: 0 },
    {},
    {
      host: "10.77.0.1",
      script: 'exec unshare -n sh -ec \'ip link set lo up; ip addr add 10.77.0.1/32 dev lo; exec "$@"\' sh "$@"',
    },
  );
  const inside = async (...args: readonly string[]): Promise<string> => {
    const words = ["-n", "-t", `${registry.pid}`, process.execPath, program, "--root", node.root, ...args];
    return (await execute("nsenter", words)).stdout;
  };
  const reference = `${registry.host}/app:1`;
  await inside("convert", `oci:${join(node.folder, "layout")}:1`, "--to", reference, "--plain-http");
  await expect(fetch(`http://${registry.host}/v2/`, { signal: AbortSignal.timeout(300) })).rejects.toThrow();
  const mountpoint = join(node.folder, "private");
  await execute("mkdir", [mountpoint]);
  await inside("mount", reference, mountpoint, "--plain-http");
  expect(await output("cat", [join(mountpoint, "hello")])).toBe("from far inside");
  await inside("daemon", "stop");
});

it("AS39: converts with nothing to write to but its data root, so that one encrypted disk covers images and artifacts", async () => {
  const readOnly = [
    'mount --make-rprivate /; mount --bind "$4" "$4"', // the data root
    "for place in / $(findmnt -rno TARGET -t tmpfs,ext4); do",
    '  case "$4/" in "$place"/?*|"$place"//) ;; *) mount -o remount,bind,ro "$place" 2>/dev/null || true; esac',
    "done",
    'mount -o remount,bind,ro /; mount -o remount,bind,ro /tmp 2>/dev/null || true; mount -o remount,bind,rw "$4"',
    "! touch /sluice-test /var/tmp/sluice-test /dev/shm/sluice-test 2>/dev/null",
    'exec "$@"',
  ];
  const script = `exec unshare -m sh -ec '${readOnly.join("\n")}' sh "$@"`;
  await using registry = await startRegistry({}, {}, { host: "127.0.0.1", script });
  await using client = new RegistryClient({ credentials: anonymous });
  await pushSmallImage(client.repository(registry.host, "app"), "1", { layers: [[{ name: "f", content: "secret" }]] });
  const asked = await sluiceJson(["convert", "app:1", "--on-server", "--registry", registry.host]);
  expect(asked).toMatchObject({ status: "Succeeded" });
});

it("AS9, AS12: takes a file of more than 30 GB in an image, reads its end, and says where such files belong", async () => {
  const file = await open(join(node.folder, "huge"), "w");
  const sizeBytes = 31e9;
  await file.write("the end", sizeBytes - 7);
  await file.close();
  const script = 'cd "$1" && tar --format=posix -S -cf huge.tar huge && cat huge.tar';
  const { stdout: tar } = await execute("sh", ["-c", script, "sh", node.folder], {
    encoding: "buffer",
    maxBuffer: 2 ** 24,
  });
  await using registry = await startRegistry({ conversions: 0 });
  await using client = new RegistryClient({ credentials: anonymous });
  await pushSmallImage(client.repository(registry.host, "app"), "1", { layers: [], tars: [tar] });
  const image = `${registry.host}/app:1`;
  const warnings = [expect.stringMatching(/^\/huge has 31000000000 bytes: .* better mounted as a volume$/)];
  expect(JSON.parse(await node.must("convert", image, "-o", "json"))).toMatchObject({ warnings });
  expect(JSON.parse(await node.must("inspect", image, "-o", "json"))).toMatchObject({ warnings });
  const mountpoint = await node.mount({ reference: image, sums: new Map() }, "huge-mount");
  const { disk } = JSON.parse(await node.must("inspect", image, "-o", "json")) as { disk: { digest: string } };
  const { mounts } = JSON.parse(await node.must("mounts", "-o", "json")) as { mounts: { disk: { digest: string } }[] };
  expect(mounts.map((mount) => mount.disk.digest)).toEqual([disk.digest]);
  expect(await output("tail", ["-c", "10", join(mountpoint, "huge")])).toBe("\0\0\0the end");
});
