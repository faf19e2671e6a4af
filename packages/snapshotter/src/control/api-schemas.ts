import { z } from "zod";
import type { ContainerRequest, ErrorBody, ImageAddress, MountRequest, StopRequest, UnmountRequest } from "./api.js";

const absolutePath = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]*$/, "expected an absolute path");
const driver = z.enum(["auto", "erofs", "fuse-native"]).default("auto");
const image = {
  reference: z.string().min(1).max(4096),
  plainHttp: z.boolean().optional(),
  dockerConfig: absolutePath.optional(),
};

export const imageAddressSchema: z.ZodType<ImageAddress, unknown> = z.strictObject(image);
export const mountRequestSchema: z.ZodType<MountRequest, unknown> = z.strictObject({
  ...image,
  id: z.uuid().optional(),
  mountpoint: absolutePath,
  driver,
  writable: z.boolean().default(false),
  record: z.boolean().optional(),
});
export const unmountRequestSchema: z.ZodType<UnmountRequest, unknown> = z.strictObject({
  mountpoint: absolutePath,
  detach: z.boolean().default(false),
});
export const containerRequestSchema: z.ZodType<ContainerRequest, unknown> = z.strictObject({
  ...image,
  driver,
  ownerPid: z.int().min(1),
  record: z.boolean().optional(),
});
export const containerIdSchema: z.ZodType<{ readonly id: string }, unknown> = z.strictObject({ id: z.uuid() });
export const chainIdSchema: z.ZodType<{ readonly chainId: string }, unknown> = z.strictObject({
  chainId: z.string().regex(/^[a-z0-9]{1,32}:[0-9a-f]{32,128}$/),
});
export const stopRequestSchema: z.ZodType<StopRequest, unknown> = z.strictObject({
  busy: z.enum(["refuse", "detach"]).default("refuse"),
  keepMounts: z.boolean().default(false),
});

export const errorBodySchema: z.ZodType<ErrorBody, unknown> = z.object({
  error: z.object({ code: z.string(), message: z.string(), detail: z.unknown().optional() }),
});

export const pullsQuerySchema: z.ZodType<{ readonly after: number }, unknown> = z.strictObject({
  after: z.coerce.number().int().nonnegative(),
});
