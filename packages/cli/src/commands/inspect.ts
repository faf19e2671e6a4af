import type { InspectedStartup, Inspection } from "@sluice/converter";
import { Command } from "commander";
import type { Context } from "../context.js";
import { type ImageFlags, Images, withImageFlags } from "../images/opened-image.js";
import { bytes, shortDigest } from "../output/quantities.js";
import { facts, table } from "../output/table.js";
import { examples, type Runner } from "../verb.js";

/** `sluice inspect`: what the streaming artifact of an image holds. */
export function inspectCommand(run: Runner): Command {
  const command = new Command("inspect")
    .description("what the streaming artifact of an image holds; nothing but metadata is fetched")
    .helpGroup("Images:")
    .argument("<ref>", "the image");
  return withImageFlags(command)
    .addHelpText("after", examples("sluice inspect 127.0.0.1:5000/app:1"))
    .action(run(inspect));
}

async function inspect(context: Context, flags: ImageFlags, ref: string): Promise<void> {
  const { inspectImage } = await import("@sluice/converter");
  await using images = await Images.open(context, flags);
  const inspection = await inspectImage(images.image(ref), { signal: context.signal });
  context.output.result(inspection, describe);
}

function describe({ source, artifact, disk, blobs, files, startup, warnings }: Inspection): string {
  const rows = blobs.map((blob) => [
    blob.kind,
    shortDigest(blob.digest),
    bytes(blob.sizeBytes),
    bytes(blob.dataBytes),
    blob.chunks,
  ]);
  return [
    facts([
      ["image", `${source.reference} (${source.digest})`],
      ["artifact", `${artifact.digest}, format ${artifact.formatVersion}, ${bytes(artifact.sizeBytes)}`],
      ["disk", `${bytes(disk.sizeBytes)} in ${disk.chunks} chunks`],
      ["files", `${files.files} files (${bytes(files.contentBytes)}), ${files.directories} directories`],
      ["others", `${files.symlinks} symbolic links, ${files.others} devices and fifos`],
      ["startup set", startup === null ? "none" : startupText(startup)],
    ]),
    "",
    table(["blob", "digest", "size", "data", "chunks"], rows),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].join("\n");
}

function startupText({ sizeBytes, chunks, dataBytes, recordings }: InspectedStartup): string {
  const from = recordings === 0 ? "predicted" : `learned from ${recordings} ${recordings === 1 ? "start" : "starts"}`;
  return `${bytes(dataBytes)}, ${bytes(sizeBytes)} compressed, in ${chunks} chunks, ${from}`;
}
