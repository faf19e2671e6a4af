import { get } from "node:http";
import { convertImage, type ImagePlace } from "@sluice/converter";
import { type AbortOptions, type ImageManifest, RegistryClient } from "@sluice/oci";
import { createServer } from "@sluice/server";
import type { Logger } from "pino";
import { type LinkShape, type ShapedLink, shapeLink } from "./shaped-link.js";

/** An image with its artifact in the registry of a stage. */
export interface StagedImage {
  /** Through the link. */
  readonly reference: string;
  /** Past the link. */
  readonly directReference: string;
  readonly direct: ImagePlace;
  readonly artifactBytes: number;
}

/** An image and its artifact in a registry of our own, behind a link of a known rate and round-trip time. */
export interface Stage extends AsyncDisposable {
  readonly image: StagedImage;
  /** Of the registry, through the link. */
  readonly host: string;
  readonly repository: string;
  readonly manifest: ImageManifest;
  /** Compressed layers and config; as the registry has them. Bytes. */
  readonly imageBytes: number;
  readonly link: ShapedLink;
  /** The same image with an artifact of its own, in another repository. */
  another(repository: string): Promise<StagedImage>;
  /** Requests that the registry has answered so far. */
  requests(): Promise<number>;
}

export interface StageOptions extends AbortOptions {
  /** Holds the registry's files; removed by the caller. */
  readonly dir: string;
  /** Data root with the cache of converted layers. */
  readonly root: string;
  readonly shape: LinkShape;
  readonly log: Logger;
}

const repository = "bench/image";
const tag = "latest";

/** Copies the image into a registry of its own and converts it there unless it was converted. */
export async function setStage(source: ImagePlace, options: StageOptions): Promise<Stage> {
  const { signal } = options;
  const server = await createServer({ root: options.dir, listen: "127.0.0.1:0", log: options.log });
  try {
    const { hostname, port, host } = new URL(server.url);
    const client = new RegistryClient();
    const link = await shapeLink({ host: hostname, port: Number(port) }, options.shape);
    const staged = async (name: string) => {
      const place = client.repository(host, name);
      const { root } = options;
      const { source: from, sizeBytes } = await convertImage(source, { root, to: { repository: place, tag }, signal });
      const direct = { repository: place, target: tag, reference: `${host}/${name}:${tag}` };
      const reference = `127.0.0.1:${link.port}/${name}:${tag}`;
      const image = { reference, directReference: direct.reference, direct, artifactBytes: sizeBytes };
      return { image, digest: from.digest };
    };
    const { image, digest } = await staged(repository);
    const manifest = await image.direct.repository.getManifest(digest, { signal });
    if (manifest.kind !== "image") throw new TypeError(`${source.reference}: converted, but no image`);
    return {
      image,
      host: `127.0.0.1:${link.port}`,
      repository,
      manifest,
      imageBytes: manifest.layers.reduce((sum, layer) => sum + layer.size, manifest.config?.size ?? 0),
      link,
      another: async (name) => (await staged(name)).image,
      requests: () => requestsOf(server.url),
      [Symbol.asyncDispose]: async () => {
        await client.close();
        await link.close();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** The registry's own count, without the questions for it. */
async function requestsOf(url: string): Promise<number> {
  let sum = 0;
  for (const line of (await textOf(`${url}/metrics`)).split("\n")) {
    const [, labels = "", count = "0"] = /^sluice_http_requests_total\{(.*)\} (\d+)$/.exec(line) ?? [];
    if (!labels.includes('route="metrics"')) sum += Number(count);
  }
  return sum;
}

function textOf(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
      });
      response.on("end", () => resolve(text));
      response.on("error", reject);
    }).on("error", reject);
  });
}
