import { Command, Option } from "commander";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { shortDigest } from "../output/quantities.js";
import { table } from "../output/table.js";
import { withApiFlags } from "../registry-api/api-flags.js";
import {
  type ApiOperation,
  describeOperation,
  endOfOperation,
  getOperation,
  isOngoing,
  lastOperationOf,
  OperationError,
} from "../registry-api/operations.js";
import { type ApiFlags, callApi } from "../registry-api/registry-api.js";
import { selectedImage, selectedRepository } from "../registry-api/selected-image.js";
import { examples, type Runner } from "../verb.js";

interface SelectFlags extends ApiFlags {
  readonly image?: string;
  readonly repository?: string;
  readonly id?: string;
}

interface ListFlags extends ApiFlags {
  readonly repository?: string;
  readonly status?: ApiOperation["status"];
}

const statuses = ["NotStarted", "Running", "Succeeded", "Failed", "Canceled"] as const;
/** The longest page of the API; older ones are found by repository. */
const pageLength = 1000;

/** `sluice operation`: conversions by the registry. */
export function operationCommand(run: Runner): Command {
  const command = new Command("operation").description("conversions by the registry").helpGroup("Registry:");
  withSelectFlags(command.command("show"))
    .description("how a conversion stands: by its id, or the last one of an image")
    .addHelpText(
      "after",
      examples("sluice operation show --image app:1", "sluice operation show --repository app --id ID"),
    )
    .action(run(show));
  withApiFlags(command.command("list"))
    .description("conversions, the newest first")
    .option("--repository <name>", "only in this repository")
    .addOption(new Option("--status <status>", "only in this state").choices(statuses))
    .addHelpText("after", examples("sluice operation list --status Running"))
    .action(run(list));
  withSelectFlags(command.command("cancel"))
    .description("end a conversion that goes on")
    .addHelpText(
      "after",
      examples("sluice operation cancel --image app:1", "sluice operation cancel --repository app --id ID"),
    )
    .action(run(cancel));
  return command.addHelpText("after", examples("sluice operation show --image app:1", "sluice operation list"));
}

const withSelectFlags = (command: Command): Command =>
  withApiFlags(
    command
      .option("--image <repo:tag>", "the last conversion of this image")
      .option("--repository <name>", "goes with --id")
      .option("--id <uuid>", "of the conversion; goes with --repository"),
  );

async function show(context: Context, flags: SelectFlags): Promise<void> {
  const { operation } = await selected(context, flags);
  context.output.result(operation, describeOperation);
}

async function list(context: Context, flags: ListFlags): Promise<void> {
  const place = flags.repository === undefined ? { context } : selectedRepository(context, flags.repository);
  const query = new URLSearchParams({ n: String(pageLength) });
  if ("repository" in place) query.set("repository", place.repository);
  if (flags.status !== undefined) query.set("status", flags.status);
  const path = `/operations?${query}`;
  const { operations } = await callApi<{ operations: ApiOperation[] }>(place.context, flags, "GET", path);
  context.output.result({ operations }, () =>
    table(
      ["id", "image", "status", "progress", "cause", "created"],
      operations.map(({ id, repository, tag, digest, status, progressPercent, cause, createdAt }) => [
        id,
        `${repository}${tag === undefined ? `@${shortDigest(digest)}` : `:${tag}`}`,
        status,
        `${progressPercent} %`,
        cause,
        createdAt,
      ]),
    ),
  );
}

/** AS28: what has finished cannot be cancelled, also when it finished while it was asked to end. */
async function cancel(context: Context, flags: SelectFlags): Promise<void> {
  const { operation, place, name } = await selected(context, flags);
  if (!isOngoing(operation)) throw notOngoing(name, operation);
  const path = `/operations/${encodeURIComponent(operation.id)}/cancel`;
  const asked = await callApi<ApiOperation>(place, flags, "POST", path);
  const ended = await endOfOperation(place, flags, asked);
  if (ended.status !== "Canceled") throw notOngoing(name, ended);
  context.output.result(ended, describeOperation);
}

const notOngoing = (name: string, { id, status }: ApiOperation): OperationError =>
  new OperationError(
    "OPERATION_FINISHED",
    `${name} does not have any ongoing operation. Operation ID: ${id} is finished (${status})`,
  );

async function selected(context: Context, flags: SelectFlags) {
  if (flags.image !== undefined) {
    if (flags.repository !== undefined || flags.id !== undefined) {
      throw new UsageError("--image goes alone, without --repository and --id");
    }
    const image = selectedImage(context, flags.image);
    return { operation: await lastOperationOf(image, flags), place: image.context, name: image.name };
  }
  if (flags.repository === undefined || flags.id === undefined) {
    throw new UsageError("say which: --image REPO:TAG, or --repository REPO and --id ID");
  }
  const { context: place, repository } = selectedRepository(context, flags.repository);
  const operation = await getOperation(place, flags, flags.id);
  if (operation.repository === repository) return { operation, place, name: repository };
  throw new OperationError("OPERATION_NOT_FOUND", `${repository} has no operation ${flags.id}`);
}
