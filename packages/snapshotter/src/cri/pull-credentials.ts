import { type CredentialSource, type Credentials, parseReference } from "@sluice/oci";
import type { AuthConfig } from "./cri-messages.js";

/** Repositories whose credentials are remembered; the oldest goes first. A node of many pods pulls from some dozens. */
const maxRepositories = 1000;

/**
 * The credentials of the latest pull of each repository that was not refused, in memory only. The kubelet names them anew with each pull, so that a rotated secret counts from the
 * next pull on.
 */
export class PullCredentials implements CredentialSource {
  readonly #known = new Map<string, Credentials>();

  /**
   * Notes who pulls `image`. A pull of nobody in particular changes nothing, and neither does one of a name that is none: containers that run need what worked for them.
   *
   * @returns call when the pull was refused: what was known before is known again
   */
  note(image: string, auth: AuthConfig | undefined): () => void {
    const place = placeOf(image);
    const credentials = place && auth && credentialsOf(auth, place.host);
    if (place === undefined || credentials === undefined) return () => undefined;
    const before = this.#known.get(place.name);
    this.#known.delete(place.name);
    const oldest = this.#known.size >= maxRepositories ? this.#known.keys().next().value : undefined;
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(place.name, credentials);
    return () => {
      if (this.#known.get(place.name) !== credentials) return; // a later pull knows better
      this.#known.delete(place.name);
      if (before !== undefined) this.#known.set(place.name, before);
    };
  }

  find(host: string, repository: string): ReturnType<CredentialSource["find"]> {
    const credentials = this.#known.get(`${host}/${repository}`);
    const phrase =
      credentials === undefined ? "the pulls of the kubelet (none of this repository)" : "the pulls of the kubelet";
    return Promise.resolve({ credentials, lookedAt: [phrase] });
  }
}

function placeOf(image: string): { readonly host: string; readonly name: string } | undefined {
  try {
    const reference = parseReference(image);
    if (reference.kind !== "registry") return undefined;
    return { host: reference.host, name: `${reference.host}/${reference.repository}` };
  } catch {
    return undefined; // containerd will say what is wrong with it
  }
}

/** As containerd reads them (internal/cri/server/images, ParseAuth): credentials for another server are none. */
function credentialsOf(auth: AuthConfig, host: string): Credentials | undefined {
  if (auth.server_address !== "" && serverHostOf(auth.server_address) !== host) return undefined;
  if (auth.username !== "") return { kind: "password", username: auth.username, password: auth.password };
  if (auth.identity_token !== "") return { kind: "identity-token", token: auth.identity_token };
  const decoded = Buffer.from(auth.auth, "base64").toString("utf8").replace(/\0+$/, "");
  const colon = decoded.indexOf(":");
  if (colon <= 0) return undefined;
  return { kind: "password", username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

function serverHostOf(address: string): string {
  const host =
    address
      .replace(/^https?:\/\//i, "")
      .split("/")[0]
      ?.toLowerCase() ?? "";
  return host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
}
