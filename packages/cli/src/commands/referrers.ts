import type { Descriptor, Digest, Repository } from "@sluice/oci";
import { Command } from "commander";
import type { Context } from "../context.js";
import { type ImageFlags, Images, withImageFlags } from "../images/opened-image.js";
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
  const { signal } = context;
  const subject = await repository.resolve(target, { signal });
  const subjects = [subject.digest, ...(await childrenOf(repository, subject, signal))];
  const lists: (readonly Descriptor[])[] = [];
  for (const digest of subjects) {
    lists.push(await repository.referrers(digest, { signal, artifactType: flags.artifactType }));
  }
  const referrers = lists.flat();
  context.output.result({ subject: subject.digest, referrers }, () =>
    table(
      ["artifact type", "digest", "size"],
      referrers.map(({ artifactType, mediaType, digest, size }) => [artifactType ?? mediaType, digest, bytes(size)]),
    ),
  );
}

/** The images of an index: what streams them is attached to them, not to the index. */
async function childrenOf(
  repository: Repository,
  subject: Descriptor,
  signal: AbortSignal,
): Promise<readonly Digest[]> {
  const { isImageIndexType } = await import("@sluice/oci");
  if (!isImageIndexType(subject.mediaType)) return [];
  const manifest = await repository.getManifest(subject.digest, { signal });
  return manifest.kind === "index" ? [...new Set(manifest.manifests.map(({ digest }) => digest))] : [];
}
