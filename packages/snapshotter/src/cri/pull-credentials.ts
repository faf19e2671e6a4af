import { type CredentialSource, type Credentials, parseReference } from "@sluice/oci";
import type { AuthConfig } from "./cri-messages.js";

/** Repositories whose credentials are remembered; the oldest goes first. A node of many pods pulls from some dozens. */
const maxRepositories = 1000;

/** Somebody's pull of an image, under way. */
interface Try {
  readonly credentials: Credentials;
}

/**
 * The credentials of the latest pull of each repository that went well, and of those under way, in memory only. The kubelet names them anew with each pull, so that a rotated
 * secret counts from the next pull on.
 */
export class PullCredentials implements CredentialSource {
  readonly #accepted = new Map<string, Credentials>();
  /** The latest last. */
  readonly #tries = new Map<string, readonly Try[]>();

  /**
   * Notes who pulls `image`. A pull of nobody in particular changes nothing, and neither does one of a name that is none: containers that run need what worked for them.
   *
   * @returns call at the end of the pull, with whether it went well
   */
  note(image: string, auth: AuthConfig | undefined): (wentWell: boolean) => void {
    const place = placeOf(image);
    const credentials = place && auth && credentialsOf(auth, place.host);
    if (place === undefined || credentials === undefined) return () => undefined;
    const own: Try = { credentials };
    this.#tries.set(place.name, [...this.#triesOf(place.name), own]);
    return (wentWell) => {
      const others = this.#triesOf(place.name).filter((one) => one !== own);
      if (others.length > 0) this.#tries.set(place.name, others);
      else this.#tries.delete(place.name);
      if (wentWell) this.#accept(place.name, credentials);
    };
  }

  find(host: string, repository: string): ReturnType<CredentialSource["find"]> {
    const name = `${host}/${repository}`;
    const credentials = this.#triesOf(name).at(-1)?.credentials ?? this.#accepted.get(name);
    const phrase =
      credentials === undefined ? "the pulls of the kubelet (none of this repository)" : "the pulls of the kubelet";
    return Promise.resolve({ credentials, lookedAt: [phrase] });
  }

  #triesOf(name: string): readonly Try[] {
    return this.#tries.get(name) ?? [];
  }

  #accept(name: string, credentials: Credentials): void {
    this.#accepted.delete(name);
    const oldest = this.#accepted.size >= maxRepositories ? this.#accepted.keys().next().value : undefined;
    if (oldest !== undefined) this.#accepted.delete(oldest);
    this.#accepted.set(name, credentials);
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
