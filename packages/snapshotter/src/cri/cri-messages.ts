import { fileURLToPath } from "node:url";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { z } from "zod";

const protoFolder = fileURLToPath(new URL("../../src/cri/proto/", import.meta.url));

const loaded = loadSync("cri.proto", { includeDirs: [protoFolder], keepCase: true, longs: String, defaults: true });

/** A service of the interface by its name in the file that is loaded above. */
const serviceOf = (name: string): ServiceDefinition => loaded[`runtime.v1.${name}`] as ServiceDefinition;

export const imageService: ServiceDefinition = serviceOf("ImageService");

/** As containerd's own limit for messages. Bytes. */
export const maxMessageBytes: number = 16 * 1024 * 1024;

export const socketOptions: Readonly<Record<string, number>> = {
  "grpc.max_receive_message_length": maxMessageBytes,
  "grpc.max_send_message_length": maxMessageBytes,
};

const text = z.string().max(64 * 1024);

/** Who pulls, as the kubelet says it. */
export interface AuthConfig {
  readonly username: string;
  readonly password: string;
  /** `user:password` in base64. */
  readonly auth: string;
  readonly server_address: string;
  readonly identity_token: string;
  readonly registry_token: string;
}

const authSchema: z.ZodType<AuthConfig> = z.object({
  username: text,
  password: text,
  auth: text,
  server_address: text,
  identity_token: text,
  registry_token: text,
});

/** What is read of a pull. */
export interface PullRequest {
  readonly image: { readonly image: string } | null;
  readonly auth: AuthConfig | null;
}

export const pullRequestSchema: z.ZodType<PullRequest> = z.object({
  image: z.object({ image: text }).nullable(),
  auth: authSchema.nullable(),
});
