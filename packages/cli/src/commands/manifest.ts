import { Command } from "commander";
import type { Context } from "../context.js";
import { type ImageFlags, Images, withImageFlags } from "../images/opened-image.js";
import { type Referrer, referrersOf } from "../images/referrers.js";
import { bytes } from "../output/quantities.js";
import { table } from "../output/table.js";
import { registryHost } from "../registry-api/registry-api.js";
import { examples, type Runner } from "../verb.js";
import { addDeletedManifestVerbs } from "./soft-delete.js";

interface ListFlags extends ImageFlags {
  readonly name: string;
  readonly artifactType?: string;
  readonly recursive?: boolean;
}

/** `sluice manifest`: manifests of the registry. */
export function manifestCommand(run: Runner): Command {
  const command = new Command("manifest").description("manifests of the registry").helpGroup("Registry:");
  withImageFlags(command.command("list-referrers"))
    .description("what is attached to an image, such as its streaming artifact")
    .requiredOption("-n, --name <repo:tag>", "the image")
    .option("--artifact-type <type>", "only what is of this type")
    .option("--recursive", "with what is attached to that, and so on")
    .addHelpText(
      "after",
      examples(
        "sluice manifest list-referrers -n app:1",
        "sluice manifest list-referrers -n app:1 --artifact-type application/vnd.sluice.image.v1",
      ),
    )
    .action(run(listReferrers));
  addDeletedManifestVerbs(command, run);
  return command.addHelpText("after", examples("sluice manifest list-referrers -n app:1"));
}

async function listReferrers(context: Context, flags: ListFlags): Promise<void> {
  const settings = { ...context.settings, defaultRegistry: registryHost(context) };
  await using images = await Images.open({ ...context, settings }, flags);
  const { repository, target } = images.image(flags.name);
  const found = await referrersOf(repository, target, {
    artifactType: flags.artifactType,
    isRecursive: flags.recursive,
    signal: context.signal,
  });
  context.output.result(found, ({ referrers }) => table(["artifact type", "digest", "size"], rowsOf(referrers, "")));
}

/** What refers to a referrer stands below it, indented. */
const rowsOf = (referrers: readonly Referrer[], indent: string): readonly (readonly string[])[] =>
  referrers.flatMap(({ artifactType, mediaType, digest, size, referrers: below = [] }) => [
    [`${indent}${artifactType ?? mediaType}`, digest, bytes(size)],
    ...rowsOf(below, `${indent}  `),
  ]);
