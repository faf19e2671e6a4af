import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertImage } from "@sluice/converter";
import type { TestRegistry } from "@sluice/oci/testing";
import { Registries } from "@sluice/snapshotter";
import { programEntries, pushSmallImage, type SmallEntry, type SmallImage } from "../../support/small-image.js";

const execute = promisify(execFile);

/** What the suite and containerd ask for by these names: the registries are mirrored by one on this machine. */
export const mirroredHosts: readonly string[] = ["registry.k8s.io", "gcr.io"];
/** The process that holds a pod's namespaces. */
export const sandboxImage = "registry.k8s.io/pause:3.9";
/** Debian's packages of the programs that the images are made of. */
export const packagesOfImages: Readonly<Record<string, string>> = {
  busybox: "busybox-static",
  nginx: "nginx-light",
  pgrep: "procps",
  ipcs: "util-linux",
  go: "golang",
};

const staging = "k8s-staging-cri-tools";
const e2e = "e2e-test-images";
const hostPort = 12003; // pkg/validate/consts.go, webServerHostNetContainerPort

/**
 * Pushes and converts images that do what the suite's own do, under their names.
 *
 * @param scratch an empty folder
 */
export async function pushSuiteImages(registry: TestRegistry, scratch: string): Promise<void> {
  const base = await busyboxLayer();
  const nginx = await nginxLayers();
  const web = (port: number): SmallImage => ({
    layers: [base, nginx, [{ name: "etc/nginx/nginx.conf", content: nginxConfig(port) }]],
    config: { Entrypoint: ["/usr/sbin/nginx", "-g", "daemon off;"] },
  });
  const shell = { Cmd: ["sh"], Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"] };
  const busybox: SmallImage = { layers: [base], config: shell };
  const user = (name: string): SmallImage => ({ ...busybox, config: { ...shell, User: name } });
  const own = (content: string): SmallImage => ({ ...busybox, layers: [base, [{ name: "test", mtime, content }]] });
  const httpd = { ...shell, Cmd: ["sh", "-c", "echo httpd starts; exec httpd -f -p 80 -h /www"] };
  const page: SmallEntry[] = [{ name: "www/index.html", content: "it works" }];
  const raising = { name: "nnp", mode: 0o4755, content: await raisingProgram(scratch) };
  const images: readonly (readonly [string, SmallImage])[] = [
    ["pause:3.9", { layers: [base], config: { Entrypoint: ["/bin/sleep", "2147483647"] } }],
    [`${e2e}/busybox:1.29-2`, busybox],
    [`${e2e}/nginx:1.14-2`, web(80)],
    [`${e2e}/httpd:2.4.39-4`, { layers: [base, page], config: httpd }],
    [`${e2e}/nonewprivs:1.3`, { layers: [base, [raising]], config: { Entrypoint: ["/nnp"] } }],
    [`${staging}/hostnet-nginx-amd64:latest`, web(hostPort)],
    [`${staging}/test-image-user-uid:latest`, user("1002")],
    [`${staging}/test-image-user-username:latest`, user("www-data")],
    [`${staging}/test-image-user-uid-group:latest`, user("1003:100")],
    [`${staging}/test-image-user-username-group:latest`, user("www-data:100")],
    [`${staging}/test-image-predefined-group:latest`, user("1000")],
    ...["latest:latest", "tag:test", "tag:all", "1:latest", "2:latest", "3:latest"].map(
      (name) => [`${staging}/test-image-${name}`, own(name)] as const,
    ),
    ...["1", "2", "3"].map((tag) => [`${staging}/test-image-tags:${tag}`, own("the same")] as const),
  ];
  const registries = new Registries();
  for (const [name, image] of images) {
    const reference = `${registry.host}/${name}`;
    const repository = registries.open({ reference });
    const tag = name.slice(name.lastIndexOf(":") + 1);
    await pushSmallImage(repository, tag, image);
    await convertImage({ repository, target: tag, reference }, { root: join(scratch, "convert"), threads: 1 });
  }
  await registries.close();
}

const mtime = new Date(0);
const folder = (name: string, mode = 0o755): SmallEntry => ({ name, mode, mtime, type: "directory" });

async function busyboxLayer(): Promise<SmallEntry[]> {
  const program = await readFile("/bin/busybox");
  const { stdout } = await execute("/bin/busybox", ["--list"]);
  const others = await programEntries("/usr/bin/pgrep", "/usr/bin/ipcs", "/usr/bin/id"); // Debian's busybox lacks the first two, and a static one knows no users
  const names = stdout.split("\n").filter((name) => name !== "" && name !== "busybox" && name !== "id");
  return [
    ...["bin", "etc", "root", "usr", "usr/bin", "var", "var/run"].map((name) => folder(name)),
    folder("tmp", 0o1777),
    { name: "bin/busybox", mode: 0o755, mtime, content: program },
    ...names.map((name): SmallEntry => ({ name: `bin/${name}`, mtime, type: "symlink", linkname: "busybox" })),
    ...others.map((entry) => ({ ...entry, mtime })),
    {
      name: "etc/passwd",
      mtime,
      content:
        "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/:/bin/sh\ndefault-user:x:1000:1000::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    },
    {
      name: "etc/group",
      mtime,
      content:
        "root:x:0:\nwww-data:x:33:\nusers:x:100:\ndefault-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n",
    },
  ];
}

async function nginxLayers(): Promise<SmallEntry[]> {
  return [
    ...(await programEntries("/usr/sbin/nginx")),
    ...["var/log/nginx", "var/lib/nginx", "usr/share/nginx/html"].map((name) => folder(name)),
    { name: "usr/share/nginx/html/index.html", content: "it works" },
  ];
}

const nginxConfig = (port: number): string => `user www-data;
pid /var/run/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  server { listen ${port}; location / { root /usr/share/nginx/html; } }
}
`;

async function raisingProgram(scratch: string): Promise<Buffer> {
  const program = join(scratch, "nnp");
  const environment = { ...process.env, CGO_ENABLED: "0" };
  await execute("go", ["build", "-o", program, "./nonewprivs"], { cwd: import.meta.dirname, env: environment });
  return await readFile(program);
}
