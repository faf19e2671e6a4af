import { Command } from "commander";
import type { Context } from "../context.js";
import { type ImageFlags, Images, withImageFlags } from "../images/opened-image.js";
import { referrersOf } from "../images/referrers.js";
import { bytes } from "../output/quantities.js";
import { table } from "../output/table.js";
import { examples, type Runner } from "../verb.js";

interface ReferrersFlags extends ImageFlags {
  readonly artifactType?: string;
}

/** `sluice referrers`: what is attached to an image. */
export function referrersCommand(run: Runner): Command {
  const command = new Command("referrers")
    .description("what is attached to an image; of an index, to its images too")
    .helpGroup("Images:")
    .argument("<ref>", "the image")
    .option("--artifact-type <type>", "only what is of this type");
  return withImageFlags(command)
    .addHelpText(
      "after",
      examples(
        "sluice referrers 127.0.0.1:5000/app:1",
        "sluice referrers 127.0.0.1:5000/app:1 --artifact-type application/vnd.sluice.image.v1",
      ),
    )
    .action(run(listReferrers));
}

async function listReferrers(context: Context, flags: ReferrersFlags, ref: string): Promise<void> {
  await using images = await Images.open(context, flags);
  const { repository, target } = images.image(ref);
  const { artifactType } = flags;
  const found = await referrersOf(repository, target, { artifactType, signal: context.signal });
  context.output.result(found, ({ referrers }) =>
    table(
      ["artifact type", "digest", "size"],
      referrers.map(({ artifactType, mediaType, digest, size }) => [artifactType ?? mediaType, digest, bytes(size)]),
    ),
  );
}
