import { nodeConfigSchema } from "@sluice/snapshotter/config";
import { z } from "zod";
import { addressRangeProblem, isAddressRange } from "./address-range.js";

/** The keys that the command line itself reads. The node's come from its package, see {@link configSchema}. */
const ownKeys = {
  /** The data root; see `data-root.ts` for what stands in when it is absent. */
  root: z.string().min(1).optional(),
  defaults: z
    .strictObject({
      /** Host with an optional port, for references that name none. */
      registry: z
        .string()
        .regex(/^[A-Za-z0-9.-]+(:\d{1,5})?$|^\[[0-9a-fA-F:]+\](:\d{1,5})?$/, "expected HOST or HOST:PORT")
        .optional(),
    })
    .optional(),
  serve: z
    .strictObject({
      /** HOST:PORT. */
      listen: z.string().min(1).optional(),
      /** What they may do who do not log in, once there are accounts. */
      anonymous: z.enum(["none", "read"]).optional(),
      /** Serve everybody everything beyond this machine while there are no accounts. */
      allowOpen: z.boolean().optional(),
      /** Write a line into the log for each request. Default: false. */
      accessLog: z.boolean().optional(),
      outgoing: z
        .strictObject({
          /** Let imports and webhooks reach private addresses, and this machine. Default: while `listen` is a loopback address. */
          allowPrivate: z.boolean().optional(),
        })
        .optional(),
      /** Let the registry convert images, asked or by itself. Default: true. */
      streaming: z.boolean().optional(),
      /** Conversions at once in each process; 0 leaves them to others. Default: 1. */
      conversions: z.number().int().min(0).max(99).optional(),
      /** As clients reach the registry when something stands in front of it. */
      publicUrl: z.url({ protocol: /^https?$/ }).optional(),
      /** Other registries whose images are converted where they are: PREFIX=[http://]HOST[:PORT][/PATH]. */
      upstreams: z.array(z.string().min(1)).max(64).optional(),
      /** How often their active repositories are looked at, such as 60s. Default: 60s. */
      upstreamPoll: z.string().min(1).optional(),
      /** Proxies in front, whose `X-Forwarded-For` says who the client is: addresses and ranges (`10.0.0.0/8`). Default: nobody is believed. */
      trustedProxies: z.array(z.string().refine(isAddressRange, addressRangeProblem)).max(100).optional(),
      /** For a registry of several processes: each of them is told the same. Without it, files below the data root. */
      storage: z
        .strictObject({
          /** postgres://USER:PASSWORD@HOST/DATABASE */
          postgres: z.string().regex(/^postgres(ql)?:\/\//, "expected postgres://USER:PASSWORD@HOST/DATABASE"),
          /** Send those who read blobs to the bucket, by signed links; they must reach it. Default: false. */
          redirects: z.boolean().optional(),
          s3: z.strictObject({
            bucket: z.string().min(1),
            prefix: z.string().optional(),
            endpoint: z.url().optional(),
            region: z.string().optional(),
          }),
        })
        .optional(),
      /** PEM files; read again when they change. */
      tls: z.strictObject({ certificate: z.string().min(1), key: z.string().min(1) }).optional(),
    })
    .optional(),
} as const;

export type ConfigSchema = z.ZodObject;

/** Everything a configuration may hold; unknown keys are refused. */
export function configSchema(): ConfigSchema {
  return z.strictObject({ ...nodeConfigSchema.shape, ...ownKeys });
}

/** Every settable key of `schema` as a path, such as `["store", "budget"]`. */
export function leafPathsOf(schema: z.core.$ZodType, above: readonly string[] = []): readonly (readonly string[])[] {
  const inner = unwrapped(schema);
  if (!(inner instanceof z.ZodObject)) return [above];
  return Object.entries(inner.shape).flatMap(([key, value]) => leafPathsOf(value, [...above, key]));
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
    inner = inner.unwrap();
  }
  return inner;
}
