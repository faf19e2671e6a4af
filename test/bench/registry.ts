import { createHash, randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { KeepAliveClient } from "../support/keep-alive-client.js";
import { startOtherRegistry } from "../support/other-registry.js";
import { startRegistry } from "../support/running-registry.js";
import { median, thisMachine } from "./figures.js";

interface Subject extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
}

/** What is asked for, by so many clients at once. */
interface Load {
  readonly name: string;
  readonly clients: number;
  readonly paths: readonly string[];
  readonly accept?: string;
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const smallBlobBytes = 16 * 1024;
const largeBlobBytes = 256 * 1024 * 1024;
/** Different ones, so that no server answers from one hot entry. */
const smallBlobs = 200;

/**
 * Pulls from `sluice serve`, Debian's docker-registry and distribution 3 in turn, on the same disk, and prints what each did as JSON:
 * requests and bytes a second, medians of the rounds.
 *
 *     node test/bench/run.js registry [--rounds 3] [--seconds 2] [--only sluice]
 */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "2" },
      only: { type: "string" },
    },
  });
  const subjects = await startAll(values.only);
  try {
    const content = makeContent();
    for (const { url } of subjects) await pushContent(url, content);
    const figures: Figure[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const load of loadsOf(content)) {
        for (const { name, url } of subjects) {
          figures.push({ load: load.name, registry: name, ...(await run(url, load, Number(values.seconds))) });
        }
      }
    }
    process.stdout.write(`${JSON.stringify({ ...(await thisMachine()), figures: medians(figures) }, undefined, 2)}\n`);
  } finally {
    for (const subject of subjects) await subject[Symbol.asyncDispose]();
  }
}

async function startAll(only: string | undefined): Promise<readonly Subject[]> {
  const starts: Readonly<Record<string, () => Promise<Omit<Subject, "name">>>> = {
    sluice: async () => {
      const registry = await startRegistry();
      return { url: `http://${registry.host}`, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
    },
    "docker-registry": () => startOtherRegistry("docker-registry"),
    "distribution 3": () => startOtherRegistry("registry"),
  };
  const started: Subject[] = [];
  for (const [name, start] of Object.entries(starts)) {
    if (only !== undefined && only !== name) continue;
    const subject = await start();
    started.push({ name, url: subject.url, [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose]() });
  }
  return started;
}

interface Figure {
  readonly load: string;
  readonly registry: string;
  readonly requestsPerSecond: number;
  readonly megabytesPerSecond: number;
}

/** One figure for each load and registry. */
function medians(figures: readonly Figure[]): readonly Figure[] {
  const nameOf = ({ load, registry }: Figure): string => `${load} of ${registry}`;
  const firsts = new Map(figures.toReversed().map((figure) => [nameOf(figure), figure]));
  return [...firsts].toReversed().map(([name, first]) => {
    const group = figures.filter((figure) => nameOf(figure) === name);
    return {
      ...first,
      requestsPerSecond: Math.round(median(group.map(({ requestsPerSecond }) => requestsPerSecond))),
      megabytesPerSecond: Math.round(median(group.map(({ megabytesPerSecond }) => megabytesPerSecond))),
    };
  });
}

interface Content {
  readonly small: readonly Buffer[];
  readonly large: Buffer;
  readonly manifests: readonly Buffer[];
}

function makeContent(): Content {
  const small = Array.from({ length: smallBlobs }, () => randomBytes(smallBlobBytes));
  const manifests = small.map((blob, at) => {
    const descriptor = { digest: digestOf(blob), size: blob.length };
    const config = { mediaType: "application/vnd.oci.image.config.v1+json", ...descriptor };
    const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", ...descriptor };
    const layers = Array.from({ length: 8 }, () => layer);
    return Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers, annotations: { at: `${at}` } }),
    );
  });
  return { small, large: randomBytes(largeBlobBytes), manifests };
}

const loadsOf = ({ small, large, manifests }: Content): readonly Load[] =>
  [1, 32].flatMap((clients) => [
    {
      name: `small blobs, ${clients} clients`,
      clients,
      paths: small.map((blob) => `/v2/bench/blobs/${digestOf(blob)}`),
    },
    { name: `large blobs, ${clients} clients`, clients, paths: [`/v2/bench/blobs/${digestOf(large)}`] },
    {
      name: `manifests, ${clients} clients`,
      clients,
      paths: manifests.map((manifest) => `/v2/bench/manifests/${digestOf(manifest)}`),
      accept: manifestType,
    },
    {
      name: `manifests by tag, ${clients} clients`,
      clients,
      paths: manifests.map((_, at) => `/v2/bench/manifests/t${at}`),
      accept: manifestType,
    },
  ]);

async function run(
  url: string,
  { clients, paths, accept }: Load,
  seconds: number,
): Promise<Pick<Figure, "requestsPerSecond" | "megabytesPerSecond">> {
  const open = Array.from({ length: clients }, () => new KeepAliveClient(url, accept ? { accept } : {}));
  const startedAt = performance.now();
  const endAt = startedAt + seconds * 1000;
  const pull = async (client: KeepAliveClient, first: number): Promise<void> => {
    for (let at = first; performance.now() < endAt; at++) await client.get(paths[at % paths.length] ?? "");
  };
  const pulling = open.map((client, at) => pull(client, at * 7));
  // What large answers have brought by then counts; nobody waits for their ends.
  await Promise.race([Promise.all(pulling), new Promise((resolve) => setTimeout(resolve, seconds * 1000 + 50))]);
  const elapsedSeconds = (performance.now() - startedAt) / 1000;
  for (const client of open) client.close();
  const sum = (of: (client: KeepAliveClient) => number): number =>
    open.reduce((total, client) => total + of(client), 0);
  return {
    requestsPerSecond: sum(({ received }) => received.requests) / elapsedSeconds,
    megabytesPerSecond: sum(({ received }) => received.bytes) / elapsedSeconds / 1e6,
  };
}

async function pushContent(url: string, { small, large, manifests }: Content): Promise<void> {
  for (const blob of [...small, large]) await pushBlob(url, blob);
  for (const [at, manifest] of manifests.entries()) {
    const headers = { "content-type": manifestType };
    await answered(
      fetch(`${url}/v2/bench/manifests/t${at}`, { method: "PUT", headers, body: new Uint8Array(manifest) }),
    );
  }
}

async function pushBlob(url: string, blob: Buffer): Promise<void> {
  const { headers } = await answered(fetch(`${url}/v2/bench/blobs/uploads/`, { method: "POST" }));
  const place = new URL(headers.get("location") ?? "", url);
  place.searchParams.set("digest", digestOf(blob));
  const type = { "content-type": "application/octet-stream" };
  await answered(fetch(place, { method: "PUT", headers: type, body: new Uint8Array(blob) }));
}

async function answered(asked: Promise<Response>): Promise<Response> {
  const response = await asked;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return response;
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
