import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { z } from "zod";

const loaded = loadSync("pods.proto", {
  includeDirs: [import.meta.dirname],
  keepCase: true,
  longs: Number,
  defaults: true,
});
const methods = {
  ...(loaded["runtime.v1.RuntimeService"] as grpc.ServiceDefinition),
  ...(loaded["runtime.v1.ImageService"] as grpc.ServiceDefinition),
};
const hostNetwork = { security_context: { namespace_options: { network: "NODE" } } };

const usageSchema = z.object({
  fs_id: z.object({ mountpoint: z.string() }).nullable(),
  used_bytes: z.object({ value: z.number() }).nullable(),
  inodes_used: z.object({ value: z.number() }).nullable(),
});
const podSchema = z.object({ pod_sandbox_id: z.string() });
const containerSchema = z.object({ container_id: z.string() });
const execSchema = z.object({ stdout: z.instanceof(Buffer), stderr: z.instanceof(Buffer), exit_code: z.number() });
const statsSchema = z.object({ stats: z.object({ writable_layer: usageSchema.nullable() }) });
const imagesSchema = z.object({
  images: z.array(z.object({ id: z.string(), repo_tags: z.array(z.string()), repo_digests: z.array(z.string()) })),
});
const fsInfoSchema = z.object({ image_filesystems: z.array(usageSchema) });

export interface Usage {
  readonly bytes: number;
  readonly inodes: number;
  /** On whose file system it is. */
  readonly folder: string | undefined;
}

export interface Sandbox {
  readonly id: string;
  readonly config: { readonly metadata: { readonly name: string } };
}

/** A pod with one container in it, which has the network of the host. */
export interface Pod {
  readonly id: string;
  readonly container: string;
  /** What the container wrote so far, in the form of CRI: a line has time, stream, tag and text. */
  log(): Promise<string>;
}

/** Pods as the kubelet runs them, through the container runtime interface. */
export class Pods implements Disposable {
  readonly #client: grpc.Client;
  readonly #logs: string;

  /** @param logs folder for the logs of containers, absolute */
  constructor(socket: string, logs: string) {
    this.#client = new grpc.Client(`unix:${socket}`, grpc.credentials.createInsecure());
    this.#logs = logs;
  }

  /** Pulls as the kubelet does for `imagePullPolicy: Always`, then starts. */
  async run(image: string, ...command: string[]): Promise<Pod> {
    await this.pull(image);
    return await this.start(image, ...command);
  }

  /** Of an image that is there. */
  async start(image: string, ...command: string[]): Promise<Pod> {
    return await this.startIn(await this.sandbox(), image, ...command);
  }

  /** A pod without a container: the kubelet makes it before it pulls. */
  async sandbox(): Promise<Sandbox> {
    const name = randomUUID();
    const metadata = { name, uid: name, namespace: "test" };
    const config = { metadata, log_directory: this.#logs, linux: hostNetwork };
    const { pod_sandbox_id: id } = podSchema.parse(await this.#call("RunPodSandbox", { config }));
    return { id, config };
  }

  /** Starts a container of an image that is there. */
  async startIn({ id, config }: Sandbox, image: string, ...command: string[]): Promise<Pod> {
    const { name } = config.metadata;
    const container = {
      ...{ metadata: { name: "main" }, image: { image }, command, log_path: `${name}.log` },
      linux: hostNetwork,
    };
    const request = { pod_sandbox_id: id, config: container, sandbox_config: config };
    const { container_id } = containerSchema.parse(await this.#call("CreateContainer", request));
    await this.#call("StartContainer", { container_id });
    return { id, container: container_id, log: () => readFile(join(this.#logs, `${name}.log`), "utf8") };
  }

  /** @returns stdout @throws when it does not exit with 0 */
  async exec({ container }: Pod, ...cmd: string[]): Promise<string> {
    const answer = execSchema.parse(await this.#call("ExecSync", { container_id: container, cmd, timeout: 60 }));
    if (answer.exit_code !== 0) throw new Error(`${cmd.join(" ")}: exit code ${answer.exit_code}: ${answer.stderr}`);
    return answer.stdout.toString();
  }

  /** Of what the container wrote, as containerd counts it every ten seconds. */
  async writableLayer({ container }: Pod): Promise<Usage | undefined> {
    const { stats } = statsSchema.parse(await this.#call("ContainerStats", { container_id: container }));
    return stats.writable_layer ? usageOf(stats.writable_layer) : undefined;
  }

  async remove({ id, container }: Pod): Promise<void> {
    await this.#call("StopContainer", { container_id: container, timeout: 0 });
    await this.#call("RemoveContainer", { container_id: container });
    await this.#call("StopPodSandbox", { pod_sandbox_id: id });
    await this.#call("RemovePodSandbox", { pod_sandbox_id: id });
  }

  async pull(image: string): Promise<void> {
    await this.#call("PullImage", { image: { image } });
  }

  async removeImage(image: string): Promise<void> {
    await this.#call("RemoveImage", { image: { image } });
  }

  /** Names and digests by which images are known. */
  async images(): Promise<readonly string[]> {
    const { images } = imagesSchema.parse(await this.#call("ListImages", {}));
    return images.flatMap(({ repo_tags: tags, repo_digests: digests }) => [...tags, ...digests]);
  }

  /** Of all images and containers, as containerd counts it every ten seconds. */
  async imageFilesystem(): Promise<Usage | undefined> {
    const [usage] = fsInfoSchema.parse(await this.#call("ImageFsInfo", {})).image_filesystems;
    return usage && usageOf(usage);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  #call(name: string, request: object): Promise<unknown> {
    const method = methods[name];
    if (method === undefined) throw new TypeError(`the interface has no call ${name}`);
    return new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = method;
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, value) =>
        error === null ? resolve(value) : reject(new Error(`${name}: ${error.details}`)),
      );
    });
  }
}

const usageOf = ({ fs_id: place, used_bytes: bytes, inodes_used: inodes }: z.infer<typeof usageSchema>): Usage => ({
  bytes: bytes?.value ?? 0,
  inodes: inodes?.value ?? 0,
  folder: place?.mountpoint,
});
