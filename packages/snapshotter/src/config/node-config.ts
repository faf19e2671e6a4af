import { z } from "zod";
import { parseBytes, parseDurationMs, parseShare } from "./quantity.js";

/** How much the chunk store may hold: a number of bytes, or a share (0 to 1) of the disk it lies on. */
export type StoreBudget =
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "shareOfDisk"; readonly share: number };

/** How an artifact earns belief. `docs/threat-model.md` */
export type TrustPolicyName = "repository" | "pinned" | "signed" | "full";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";

/** The settings of a node: plain data, parsed once, handed out in slices. */
export interface NodeConfig {
  readonly store: { readonly budget: StoreBudget };
  readonly fetch: FetchConfig;
  readonly push: {
    /** Most bytes of one image that are put into the page cache before anybody reads them; 0: none. */
    readonly maxBytes: number;
  };
  readonly startup: {
    /** Offer what the first start of an image here touched to its registry, for `optimize`; that start is a little slower. Needs push rights. */
    readonly offer: boolean;
  };
  readonly background: {
    /** Fill the store with the rest of a mounted image when nobody reads. */
    readonly enabled: boolean;
    /** Bytes a second that the background may take; 0 is no limit. */
    readonly rateBytesPerSecond: number;
  };
  readonly trust: {
    readonly policy: TrustPolicyName;
    /** Digests of artifacts that policy `pinned` accepts. */
    readonly pins: readonly string[];
  };
  /** By registry host, `*` for all others: addresses that hold the same content, asked before the registry itself and before those of `certsDir`. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
  /** containerd's folder of registry hosts; what it says of mirrors and certificates holds here, too. */
  readonly certsDir: string;
  /** The pool that this node belongs to; undefined is none. */
  readonly pool: string | undefined;
  /** Where the settings of pools lie. Absolute. */
  readonly poolFile: string;
  readonly credentials: {
    /** Files of Kubernetes secrets (`dockerconfigjson`), or folders of them, besides what `docker login` left. Absolute. */
    readonly files: readonly string[];
  };
  readonly cri: {
    /** The image service for the kubelet, which notes the credentials of pulls: path of its socket; undefined is none. */
    readonly address: string | undefined;
    /** containerd's own socket: what the image service stands before, and what is told of pulls. */
    readonly containerd: string;
  };
  readonly log: { readonly level: LogLevel };
  readonly metrics: {
    /** `host:port` for Prometheus besides the control socket; undefined is none. */
    readonly listen: string | undefined;
  };
  readonly telemetry: {
    /** Where OpenTelemetry spans of starts go, as OTLP over HTTP; undefined: where OTEL_EXPORTER_OTLP_ENDPOINT says, if it does. */
    readonly endpoint: string | undefined;
  };
  readonly snapshotter: {
    /** Path of the unix socket on which containerd finds its snapshotter; undefined is none. */
    readonly address: string | undefined;
  };
}

export interface FetchConfig {
  /** Every read of a mounted disk is answered within this, with bytes or EIO. Milliseconds. */
  readonly deadlineMs: number;
  /** Attempts after the first. */
  readonly retries: number;
  /** Ranged GETs in flight at once, of all images. */
  readonly parallel: number;
}

const quantity = <T>(parse: (text: string) => T | undefined, expected: string) =>
  z.union([z.string(), z.number()]).transform((value, context): T => {
    const parsed = parse(String(value));
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: "custom", message: `expected ${expected}, got ${JSON.stringify(value)}` });
    return z.NEVER;
  });

const budget = quantity<StoreBudget>((text) => {
  const share = parseShare(text);
  if (share !== undefined) return { kind: "shareOfDisk", share };
  const bytes = parseBytes(text);
  return bytes === undefined || bytes < minBudgetBytes ? undefined : { kind: "bytes", bytes };
}, "a size of at least 64MiB such as 20GiB, or a share such as 10%");

/** Below this the store would evict what the read in hand still needs: a few requests in flight of 1 MiB chunks. Bytes. */
const minBudgetBytes = 64 * 2 ** 20;

const deadline = quantity((text) => {
  const ms = parseDurationMs(text);
  return ms === undefined || ms < 1000 || ms > 3_600_000 ? undefined : ms;
}, "a time from 1s to 1h such as 60s");

const hostPort = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/;

const rate = quantity(
  (text) => parseBytes(text.replace(/\/s$/, "")),
  "bytes a second such as 10MiB, or 0 for no limit",
);

const size = quantity(parseBytes, "a size such as 512MiB, or 0 for none");

/** What a start reads of the largest images we know, three times. Bytes. */
const defaultPushBytes = 2 ** 30;
/** A peer may need a minute for a manual restart of a proxy; a container that waits longer is better told. */
const defaultDeadlineMs = 60_000;
/** With doubling pauses this rides out a registry's restart within the deadline. */
const defaultRetries = 6;
/** 8 × 256 KiB covers 100 Mbit/s × 20 ms eight times; more only makes demand wait behind read-ahead. */
const defaultParallel = 8;
/** Leaves the disk to the containers; the same share that a package cache of a node usually gets. */
const defaultBudget: StoreBudget = { kind: "shareOfDisk", share: 0.1 };

const absolutePath = z.string().regex(/^\//, "expected an absolute path");
const defaultPoolFile = "/etc/sluice/pools.yaml";
const defaultContainerd = "/run/containerd/containerd.sock";
const defaultCertsDir = "/etc/containerd/certs.d";

/**
 * The node's keys of the configuration file, every one optional. A plain object of objects, so that a caller may join it with keys of its own and
 * list them; the values behind it are {@link parseNodeConfig}'s.
 */
export const nodeConfigSchema: z.ZodObject = z.strictObject(sections());

/**
 * The configuration of a node from its keys; `{}` is the default configuration. Keys that belong to others are ignored: the file as a whole is
 * checked by whoever reads it.
 *
 * @throws {z.ZodError} with the path of each key whose value is out of bounds
 */
export function parseNodeConfig(tree: unknown): NodeConfig {
  const parsed = z.object(sections()).parse(tree);
  const { store, fetch, push, startup, background, trust, log, metrics, telemetry, snapshotter } = parsed;
  const { mirrors, certsDir, pool, poolFile, credentials, cri } = parsed;
  return {
    store,
    fetch: { deadlineMs: fetch.deadline, retries: fetch.retries, parallel: fetch.parallel },
    push,
    startup,
    background: { enabled: background.enabled, rateBytesPerSecond: background.rate },
    trust,
    mirrors,
    certsDir,
    pool,
    poolFile,
    credentials,
    cri: { address: cri.address, containerd: cri.containerd },
    log,
    metrics: { listen: metrics.listen },
    telemetry: { endpoint: telemetry.endpoint },
    snapshotter: { address: snapshotter.address },
  };
}

function sections() {
  return {
    store: z.strictObject({ budget: budget.default(defaultBudget) }).prefault({}),
    fetch: z
      .strictObject({
        deadline: deadline.default(defaultDeadlineMs),
        retries: z.int().min(0).max(100).default(defaultRetries),
        parallel: z.int().min(1).max(256).default(defaultParallel),
      })
      .prefault({}),
    startup: z.strictObject({ offer: z.boolean().default(false) }).prefault({}),
    push: z.strictObject({ maxBytes: size.default(defaultPushBytes) }).prefault({}),
    background: z.strictObject({ enabled: z.boolean().default(false), rate: rate.default(0) }).prefault({}),
    trust: z
      .strictObject({
        policy: z.enum(["repository", "pinned", "signed", "full"]).default("repository"),
        pins: z.array(z.string().regex(/^sha256:[0-9a-f]{64}$/, "expected sha256:<64 hex digits>")).default([]),
      })
      .prefault({}),
    mirrors: z.record(z.string().min(1), z.array(z.url({ protocol: /^https?$/ })).max(16)).default({}),
    certsDir: absolutePath.default(defaultCertsDir),
    pool: z.string().min(1).max(63).optional(),
    poolFile: absolutePath.default(defaultPoolFile),
    credentials: z.strictObject({ files: z.array(absolutePath).max(64).default([]) }).prefault({}),
    cri: z
      .strictObject({ address: absolutePath.optional(), containerd: absolutePath.default(defaultContainerd) })
      .prefault({}),
    log: z
      .strictObject({ level: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info") })
      .prefault({}),
    metrics: z.strictObject({ listen: z.string().regex(hostPort, "expected host:port").optional() }).prefault({}),
    telemetry: z.strictObject({ endpoint: z.url({ protocol: /^https?$/ }).optional() }).prefault({}),
    snapshotter: z
      .strictObject({ address: z.string().startsWith("/", "expected the absolute path of a socket").optional() })
      .prefault({}),
  };
}
