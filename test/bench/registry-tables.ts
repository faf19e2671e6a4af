import { table } from "./table.js";

export interface RegistryFigures {
  readonly figures: readonly {
    readonly load: string;
    readonly registry: string;
    readonly requestsPerSecond: number;
    readonly megabytesPerSecond: number;
  }[];
}

export interface RegistryMemory {
  readonly clients: number;
  readonly layerMegabytes: number;
  readonly idle: number;
  readonly slow: number;
  readonly monolithic: number;
  readonly chunked: number;
}

const ours = "sluice";

/** What the registry does beside those of others, and what memory it takes. */
export function registrySection({ figures }: RegistryFigures, memory: RegistryMemory): string {
  const others = [...new Set(figures.map(({ registry }) => registry))].filter((name) => name !== ours);
  const rows = [...new Set(figures.map(({ load }) => load))].map((load) => {
    const isLarge = load.startsWith("large");
    const of = (name: string): number => {
      const found = figures.find((figure) => figure.load === load && figure.registry === name);
      return (isLarge ? found?.megabytesPerSecond : found?.requestsPerSecond) ?? Number.NaN;
    };
    const ratios = others.map((name) => (of(ours) / of(name)).toFixed(2));
    return [`${load}, ${isLarge ? "MB/s" : "requests/s"}`, of(ours), ...others.map(of), ...ratios];
  });
  const head = ["", ours, ...others, ...others.map((name) => `${ours} ÷ ${name}`)];
  const { clients, layerMegabytes, idle, slow, monolithic, chunked } = memory;
  const peaks = [
    ["idle", idle],
    [`${clients} clients that stand still in a pull of 256 MB`, slow],
    [`a layer of ${layerMegabytes} MB comes in one request`, monolithic],
    [`the same in chunks of 64 MiB`, chunked],
  ];
  return `## The registry

Pulls from \`sluice serve\`, Debian's docker-registry and distribution 3, in turn on the same disk; blobs of 16 KiB (200 of them) and 256 MiB, by digest, and manifests of 8 layers. The client shares the two processors with them.

${table(head, rows)}

    node test/bench/run.js registry

The most memory that a registry of files took, each time a new one. MB.

${table(["", "MB"], peaks)}

    node test/bench/run.js registry-memory`;
}
