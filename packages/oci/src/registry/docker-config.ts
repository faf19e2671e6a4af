import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { optional, parseJsonDocument } from "../documents/json-document.js";
import { askCredentialHelper } from "./credential-helper.js";
import type { CredentialSearch, CredentialSource, Credentials } from "./credentials.js";

export interface DockerConfigOptions {
  /** Default: the environment of this process. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** Files to read instead of the usual ones, first match wins. */
  readonly files?: readonly string[] | undefined;
}

const text = z.string().max(256 * 1024);
const authSchema = z.object({
  auth: optional(text),
  username: optional(text),
  password: optional(text),
  identitytoken: optional(text),
});
const configSchema = z.object({
  auths: optional(z.record(z.string(), authSchema)),
  credHelpers: optional(z.record(z.string(), text)),
  credsStore: optional(text),
});
type DockerConfig = z.infer<typeof configSchema>;
type Auth = z.infer<typeof authSchema>;

/** The key under which docker keeps Docker Hub's credentials. */
const dockerHubKey = "https://index.docker.io/v1/";

/**
 * Credentials from the files that `docker login`, `podman login` and Kubernetes secrets write: `auths`, `credHelpers`, `credsStore`.
 * Order: `REGISTRY_AUTH_FILE`, docker's config.json, containers' auth.json of this session, and of this user. Files are read at each search.
 */
export function dockerConfigCredentials(options: DockerConfigOptions = {}): CredentialSource {
  const environment = options.environment ?? process.env;
  const files = options.files ?? authFiles(environment);
  return { find: (host, repository) => search(files, environment, host, repository) };
}

/** The files that are looked at, in order. */
function authFiles(environment: NodeJS.ProcessEnv): string[] {
  const home = environment["HOME"] || homedir();
  const explicit = environment["REGISTRY_AUTH_FILE"];
  const runtime = environment["XDG_RUNTIME_DIR"];
  return [
    ...(explicit ? [explicit] : []),
    join(environment["DOCKER_CONFIG"] || join(home, ".docker"), "config.json"),
    ...(runtime ? [join(runtime, "containers", "auth.json")] : []),
    join(environment["XDG_CONFIG_HOME"] || join(home, ".config"), "containers", "auth.json"),
  ];
}

async function search(
  files: readonly string[],
  environment: NodeJS.ProcessEnv,
  host: string,
  repository: string,
): Promise<CredentialSearch> {
  const lookedAt: string[] = [];
  for (const file of files) {
    try {
      const config = parseJsonDocument(await readFile(file), configSchema, file);
      const credentials = await fromConfig(config, environment, host, repository);
      lookedAt.push(credentials === undefined ? `${file} (nothing for ${host})` : file);
      if (credentials !== undefined) return { credentials, lookedAt };
    } catch (error) {
      lookedAt.push(`${file} (${problemOf(error)})`); // other files may still know; a 401 will show this
    }
  }
  return { credentials: undefined, lookedAt };
}

function problemOf(error: unknown): string {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return "not there";
  return error instanceof Error ? error.message : String(error);
}

async function fromConfig(
  config: DockerConfig,
  environment: NodeJS.ProcessEnv,
  host: string,
  repository: string,
): Promise<Credentials | undefined> {
  const server = host === "docker.io" ? dockerHubKey : host;
  const helper = valueFor(config.credHelpers, host, repository) ?? config.credsStore;
  if (helper) {
    const credentials = await askCredentialHelper(helper, server, environment);
    if (credentials !== undefined) return credentials;
  }
  const auth = valueFor(config.auths, host, repository);
  return auth && credentialsOf(auth);
}

/** The value of the longest key that is the host or a path above the repository (containers-auth.json.5). */
function valueFor<T>(values: Record<string, T> | undefined, host: string, repository: string): T | undefined {
  const wanted = `${host}/${repository}`;
  let best: { readonly key: string; readonly value: T } | undefined;
  for (const [rawKey, value] of Object.entries(values ?? {})) {
    const key = normaliseKey(rawKey);
    const matches = key === wanted || wanted.startsWith(`${key}/`) || matchesGlob(key, wanted);
    if (matches && key.length > (best?.key.length ?? 0)) best = { key, value };
  }
  return best?.value;
}

/** `*.example.com/team`: a `*` stands for a part of one label of the host, as in Kubernetes' secrets. */
function matchesGlob(key: string, wanted: string): boolean {
  const [host = "", ...path] = key.split("/");
  if (!host.includes("*")) return false;
  const labels = host.split(".").map((label) => label.replace(/[^a-z0-9*]/g, "\\$&").replaceAll("*", "[^./]*"));
  const rest = path.length === 0 ? "" : `/${path.join("/").replace(/[^a-z0-9/]/g, "\\$&")}`;
  return new RegExp(`^${labels.join("\\.")}${rest}(?:/|$)`).test(wanted);
}

/** `https://index.docker.io/v1/` → `docker.io`; `https://host/v2/` → `host`. */
function normaliseKey(key: string): string {
  const bare = key
    .replace(/^https?:\/\//, "")
    .replace(/\/v[12]\/?$/, "")
    .replace(/\/+$/, "")
    .toLowerCase();
  return bare.replace(/^(?:index|registry-1)\.docker\.io(?=$|\/)/, "docker.io");
}

function credentialsOf(auth: Auth): Credentials | undefined {
  if (auth.identitytoken) return { kind: "identity-token", token: auth.identitytoken };
  const decoded = Buffer.from(auth.auth ?? "", "base64")
    .toString("utf8")
    .replace(/\0+$/, "");
  const colon = decoded.indexOf(":");
  if (colon > 0) return { kind: "password", username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  if (!auth.username) return undefined;
  return { kind: "password", username: auth.username, password: auth.password ?? "" };
}
