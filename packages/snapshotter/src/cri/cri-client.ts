import * as grpc from "@grpc/grpc-js";
import type { AbortOptions, Credentials } from "@sluice/oci";
import { z } from "zod";
import { imageService, socketOptions } from "./cri-messages.js";

/** containerd did not do what it was asked for. */
export class CriError extends Error {
  override readonly name = "CriError";
  readonly code = "CRI";
}

/** An image as containerd has it. */
export interface CriImage {
  readonly id: string;
  readonly sizeBytes: number;
  /** Of its topmost layer, where containerd tells it. */
  readonly chainId: string | undefined;
}

const pulledSchema = z.object({ image_ref: z.string().max(4096) });
const statusSchema = z.object({
  image: z.object({ id: z.string().max(4096), size: z.string().regex(/^\d{1,19}$/) }).nullable(),
  info: z.record(z.string(), z.string()),
});
/** In a map of JSON texts, which containerd says only to those who ask for more. containerd internal/cri/server/images/image_status.go, verboseImageInfo */
const infoSchema = z.object({ chainID: z.string().max(256) });

/** containerd's images, through the container runtime interface on its socket. */
export class CriClient implements Disposable {
  readonly #client: grpc.Client;
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
    this.#client = new grpc.Client(`unix:${socketPath}`, grpc.credentials.createInsecure(), socketOptions);
  }

  /** Pulls an image. @returns the reference of what was pulled @throws {CriError} */
  async pull(image: string, credentials: Credentials | undefined, options?: AbortOptions): Promise<string> {
    const auth = credentials === undefined ? {} : { auth: authOf(credentials) };
    const answer = await this.#call("PullImage", { image: { image }, ...auth }, options);
    return pulledSchema.parse(answer).image_ref;
  }

  /** Undefined when containerd has no such image. @throws {CriError} */
  async image(image: string, options?: AbortOptions): Promise<CriImage | undefined> {
    const request = { image: { image }, verbose: true };
    const { image: found, info } = statusSchema.parse(await this.#call("ImageStatus", request, options));
    if (found === null) return undefined;
    return { id: found.id, sizeBytes: Number(found.size), chainId: chainIdOf(info["info"]) };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  #call(name: "PullImage" | "ImageStatus", request: object, options?: AbortOptions): Promise<unknown> {
    const method = imageService[name];
    if (method === undefined) throw new TypeError(`the interface has no call ${name}`);
    const { path, requestSerialize, responseDeserialize } = method;
    return new Promise((resolve, reject) => {
      options?.signal?.throwIfAborted();
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        (error, value) => {
          options?.signal?.removeEventListener("abort", stop);
          if (error === null) resolve(value);
          else reject(options?.signal?.aborted === true ? options.signal.reason : this.#failure(name, error));
        },
      );
      const stop = (): void => call.cancel();
      options?.signal?.addEventListener("abort", stop, { once: true });
    });
  }

  #failure(name: string, error: grpc.ServiceError): CriError {
    const cure =
      error.code === grpc.status.UNAVAILABLE
        ? ". Is containerd running, and is this its socket?"
        : error.code === grpc.status.UNIMPLEMENTED
          ? ". Is the CRI plugin of containerd disabled (disabled_plugins)?"
          : "";
    return new CriError(`${this.#socketPath}: ${name}: ${error.details}${cure}`);
  }
}

function chainIdOf(info: string | undefined): string | undefined {
  if (info === undefined) return undefined;
  const { success, data } = infoSchema.safeParse(JSON.parse(info));
  return success ? data.chainID : undefined;
}

const authOf = (credentials: Credentials): object =>
  credentials.kind === "password"
    ? { username: credentials.username, password: credentials.password }
    : { identity_token: credentials.token };
