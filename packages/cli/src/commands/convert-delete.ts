import type { Digest } from "@sluice/oci";
import { Command } from "commander";
import type { Context } from "../context.js";
import { type ImageFlags, Images, withImageFlags } from "../images/opened-image.js";
import { referrersOf } from "../images/referrers.js";
import { examples, type Runner } from "../verb.js";

/** `sluice convert delete`: AS23, away with what a conversion attached. The image stays. */
export function convertDeleteCommand(run: Runner): Command {
  const command = new Command("delete")
    .description("remove an image's streaming artifacts; the image itself stays")
    .argument("<ref>", "the image");
  return withImageFlags(command)
    .addHelpText("after", examples("sluice convert delete 127.0.0.1:5000/app:1"))
    .action(run(remove));
}

async function remove(context: Context, flags: ImageFlags, ref: string): Promise<void> {
  const { sluiceMediaTypes } = await import("@sluice/oci");
  await using images = await Images.open(context, flags);
  const { repository, target, reference } = images.image(ref);
  const { signal } = context;
  const { subject, referrers } = await referrersOf(repository, target, {
    artifactType: sluiceMediaTypes.artifact,
    signal,
  });
  const deleted: Digest[] = [];
  for (const { digest } of referrers) {
    await repository.deleteManifest(digest, { signal });
    deleted.push(digest);
  }
  if (deleted.length === 0) context.output.note(`${reference} has no streaming artifact`);
  context.output.result({ subject, deleted }, () => deleted.join("\n"));
}
