import type { createImageManifest, Descriptor, ImageManifest } from "@sluice/oci";
import type { Fault } from "@sluice/oci/testing";

type LayerBlobs = Readonly<Record<"toc" | "metadata" | "startup" | "top" | "base", string>>;

type Spoils = (path: string, blobs: LayerBlobs, artifact: string) => boolean;

/** An image, what is wrong with it or around it, and what comes of that. */
export interface Line {
  readonly name: string;
  /** Instead of the artifact that was made. */
  readonly change?: (artifact: ImageManifest) => Partial<Parameters<typeof createImageManifest>[0]>;
  readonly fault?: Fault;
  readonly times?: number;
  /** What of the image's requests the fault spoils. Default: the list of referrers; of a mirror, all. */
  readonly on?: Spoils;
  /** The fault is that of a mirror, which the node asks before a registry that is well. */
  readonly ofMirror?: boolean;
  /** The fault comes when the pull is done. */
  readonly afterPull?: boolean;
  /** `streamed`, or why not; with ` or ` where it depends on how busy the machine is. */
  readonly outcome: string;
  /** What a reader of the upper layer's file gets. Default: its bytes. */
  readonly read?: "EIO" | "EIO or bytes";
}

export const referrers = (path: string): boolean => path.includes("/referrers/");
const blob =
  (name: keyof LayerBlobs): Spoils =>
  (path, blobs) =>
    path.endsWith(blobs[name]);
const artifactItself: Spoils = (path, _, artifact) => path.endsWith(artifact);
const without = (text: string) => (artifact: ImageManifest) => ({
  layers: artifact.layers.filter((layer, at) => !(layer.mediaType.includes(text) && at === artifact.layers.length - 1)),
});
const tocApart = (artifact: ImageManifest) => ({
  layers: artifact.layers.map(({ data: _, ...descriptor }: Descriptor & { readonly data?: unknown }) => descriptor),
});
const annotated = (annotations: Record<string, string>) => (artifact: ImageManifest) => ({
  annotations: { ...artifact.annotations, ...annotations },
});

/** What /v2/ mirrors of nodes do wrong: peers that have not, proxies that want a login or are portals, and those that hang. */
const mirrorFaults: readonly (readonly [name: string, fault: Fault, outcome?: string])[] = [
  ["has nothing", { kind: "status", status: 404 }],
  ["wants a login", { kind: "status", status: 401 }],
  ["forbids", { kind: "status", status: 403 }],
  ["is asked too often", { kind: "status", status: 429, retryAfter: 60 }],
  ["is down behind a proxy", { kind: "status", status: 503 }],
  ["resets", { kind: "reset" }],
  ["hangs", { kind: "stall" }, "streamed or REGISTRY_UNREACHABLE"],
  ["is a page for people", { kind: "html" }],
  ["gives wrong bytes", { kind: "wrong-bytes" }],
  ["cuts short", { kind: "short-body", missingBytes: 20 }],
  ["ignores ranges", { kind: "ignore-range" }],
];

export const lines: readonly Line[] = [
  { name: "nothing", outcome: "streamed" },
  { name: "referrers: 404", fault: { kind: "status", status: 404 }, outcome: "NO_ARTIFACT" },
  { name: "referrers: 403", fault: { kind: "status", status: 403 }, outcome: "UNAUTHORIZED" },
  { name: "referrers: 429", fault: { kind: "status", status: 429, retryAfter: 20 }, outcome: "REGISTRY_UNREACHABLE" },
  { name: "referrers: 500", fault: { kind: "status", status: 500 }, outcome: "REGISTRY_UNREACHABLE" },
  { name: "referrers: 401", fault: { kind: "status", status: 401 }, outcome: "UNAUTHORIZED" },
  { name: "referrers: reset", fault: { kind: "reset" }, outcome: "REGISTRY_UNREACHABLE" },
  { name: "referrers: silence", fault: { kind: "stall" }, outcome: "REGISTRY_UNREACHABLE" },
  { name: "referrers: a byte a second", fault: { kind: "slow", bytesPerSecond: 1 }, outcome: "REGISTRY_UNREACHABLE" },
  { name: "referrers: a page for people", fault: { kind: "html" }, outcome: "NO_ARTIFACT" },
  { name: "referrers: cut short", fault: { kind: "short-body", missingBytes: 20 }, outcome: "REGISTRY_ERROR" },
  {
    name: "referrers: larger than anybody reads",
    change: annotated({ filler: "x".repeat(5_000_000) }),
    outcome: "REGISTRY_ERROR",
  },
  {
    name: "artifact: damaged",
    fault: { kind: "wrong-bytes" },
    on: artifactItself,
    outcome: "ARTIFACT_INVALID",
  },
  {
    name: "artifact: a page for people",
    fault: { kind: "html" },
    on: artifactItself,
    outcome: "REGISTRY_ERROR",
  },
  {
    name: "artifact: gone",
    fault: { kind: "status", status: 404 },
    on: artifactItself,
    outcome: "ARTIFACT_NOT_FOUND",
  },
  {
    name: "artifact: 500",
    fault: { kind: "status", status: 500 },
    on: artifactItself,
    outcome: "REGISTRY_UNREACHABLE",
  },
  { name: "artifact: silence", fault: { kind: "stall" }, on: artifactItself, outcome: "REGISTRY_UNREACHABLE" },
  {
    name: "artifact: unknown version",
    change: annotated({ "dev.sluice.format.version": "99" }),
    outcome: "UNKNOWN_VERSION",
  },
  { name: "artifact: a layer missing", change: without("layer"), outcome: "ARTIFACT_INVALID" },
  {
    name: "TOC: damaged",
    change: tocApart,
    fault: { kind: "wrong-bytes" },
    on: blob("toc"),
    outcome: "ARTIFACT_INVALID",
  },
  {
    name: "TOC: gone",
    change: tocApart,
    fault: { kind: "status", status: 404 },
    on: blob("toc"),
    outcome: "ARTIFACT_NOT_FOUND",
  },
  {
    name: "TOC: silence",
    change: tocApart,
    fault: { kind: "stall" },
    on: blob("toc"),
    outcome: "REGISTRY_UNREACHABLE",
  },
  { name: "metadata: silence", fault: { kind: "stall" }, on: blob("metadata"), outcome: "NOT_MOUNTABLE" },
  {
    name: "metadata: damaged",
    fault: { kind: "wrong-bytes" },
    on: blob("metadata"),
    outcome: "NOT_MOUNTABLE",
  },
  {
    name: "metadata: gone",
    fault: { kind: "status", status: 404 },
    on: blob("metadata"),
    outcome: "NOT_MOUNTABLE",
  },
  {
    name: "index of a lower layer: damaged",
    fault: { kind: "wrong-bytes" },
    on: blob("base"),
    outcome: "ARTIFACT_INVALID",
  },
  {
    name: "index of a lower layer: gone",
    fault: { kind: "status", status: 404 },
    on: blob("base"),
    outcome: "ARTIFACT_NOT_FOUND",
  },
  {
    name: "index of a lower layer: silence",
    fault: { kind: "stall" },
    on: blob("base"),
    outcome: "REGISTRY_UNREACHABLE",
  },
  { name: "startup blob: damaged", fault: { kind: "wrong-bytes" }, on: blob("startup"), outcome: "streamed" },
  { name: "startup blob: gone", fault: { kind: "status", status: 404 }, on: blob("startup"), outcome: "streamed" },
  { name: "chunks: damaged once", fault: { kind: "wrong-bytes" }, times: 1, on: blob("top"), outcome: "streamed" },
  {
    name: "chunks: damaged for good",
    fault: { kind: "wrong-bytes" },
    on: blob("top"),
    outcome: "streamed",
    read: "EIO",
  },
  { name: "chunks: gone", fault: { kind: "status", status: 404 }, on: blob("top"), outcome: "streamed", read: "EIO" },
  {
    name: "chunks: no byte of them, twice",
    fault: { kind: "short-body", missingBytes: 1_000_000_000 },
    times: 2,
    on: blob("top"),
    outcome: "streamed",
  },
  {
    name: "chunks: asked for too often",
    fault: { kind: "status", status: 429, retryAfter: 1 },
    times: 1,
    on: blob("top"),
    outcome: "streamed",
  },
  {
    name: "chunks: reset in the middle, twice",
    fault: { kind: "reset", afterBytes: 1000 },
    times: 2,
    on: blob("top"),
    outcome: "streamed",
  },
  { name: "chunks: silence once", fault: { kind: "stall" }, times: 1, on: blob("top"), outcome: "streamed" },
  { name: "chunks: ranges ignored", fault: { kind: "ignore-range" }, on: blob("top"), outcome: "streamed" },
  { name: "chunks: another range", fault: { kind: "wrong-range" }, times: 1, on: blob("top"), outcome: "streamed" },
  { name: "chunks: tokens run out", fault: { kind: "expire" }, times: 1, on: blob("top"), outcome: "streamed" },
  { name: "chunks: each new token refused", fault: { kind: "expire" }, times: 8, on: blob("top"), outcome: "streamed" },
  {
    name: "everything: no digest in the headers",
    fault: { kind: "no-digest-header" },
    on: () => true,
    outcome: "streamed",
  },
  ...mirrorFaults.map(
    ([name, fault, outcome = "streamed"]): Line => ({
      name: `mirror: ${name}`,
      fault,
      ofMirror: true,
      on: () => true,
      outcome,
    }),
  ),
  {
    name: "everything: away after the pull",
    fault: { kind: "status", status: 503 },
    on: () => true,
    afterPull: true,
    outcome: "streamed",
    read: "EIO or bytes",
  },
];
