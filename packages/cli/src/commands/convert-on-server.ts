import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import {
  describeOperation,
  endOfOperation,
  hintOf,
  OperationError,
  requestOperation,
} from "../registry-api/operations.js";
import type { ApiFlags } from "../registry-api/registry-api.js";
import { selectedImage } from "../registry-api/selected-image.js";

interface OnServerFlags extends ApiFlags {
  readonly to?: string;
  readonly platform?: string;
  readonly force?: boolean;
  readonly wait?: boolean;
}

/** `sluice convert --on-server`: the registry converts; we ask it to, and wait unless told otherwise. */
export async function convertOnServer(context: Context, flags: OnServerFlags, source: string): Promise<void> {
  if (flags.to !== undefined) throw new UsageError("--to goes without --on-server: the registry attaches in place");
  if (flags.platform !== undefined && flags.platform !== "linux/amd64") {
    throw new UsageError(`--platform ${flags.platform}: only linux/amd64 is supported`);
  }
  const image = selectedImage(context, source);
  const { repository, reference } = image;
  const wish = { repository, reference, force: flags.force === true };
  const { alreadyConverted, ...asked } = await requestOperation(image.context, flags, wish);
  if (alreadyConverted) {
    context.output.note(`${image.name} was converted before; nothing was done`);
    context.output.result({ ...asked, alreadyConverted }, ({ artifactDigest = "" }) => artifactDigest);
    return;
  }
  context.output.note(`operation ${asked.id}; how it stands: ${hintOf(image.context, asked)}`);
  const operation = flags.wait === false ? asked : await endOfOperation(image.context, flags, asked);
  const { status, error } = operation;
  if (status === "Failed" || status === "Canceled") {
    const why = error === undefined ? "it was cancelled" : `${error.code}: ${error.message}`;
    throw new OperationError(error?.code ?? "OPERATION_CANCELED", `operation ${operation.id}: ${why}`);
  }
  context.output.result({ ...operation, alreadyConverted }, describeOperation);
}
