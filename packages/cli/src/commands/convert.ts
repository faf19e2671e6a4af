import type { ConversionProgress, ConversionResult, ConvertOptions } from "@sluice/converter";
import { Command } from "commander";
import type { Context } from "../context.js";
import type { ExitCode } from "../exit-codes.js";
import { Images, withImageFlags } from "../images/opened-image.js";
import { startProgress } from "../output/progress.js";
import { bytes, duration, shortDigest } from "../output/quantities.js";
import { facts, table } from "../output/table.js";
import { withApiFlags } from "../registry-api/api-flags.js";
import { examples, type Runner } from "../verb.js";
import { convertAllTags } from "./convert-all-tags.js";
import { convertDeleteCommand } from "./convert-delete.js";
import type { ConvertFlags } from "./convert-flags.js";
import { convertOnServer } from "./convert-on-server.js";

/** `sluice convert`: makes an image streamable and attaches the artifact to it. */
export function convertCommand(run: Runner): Command {
  const command = new Command("convert")
    .description("make an image streamable: convert it and attach the result to it")
    .helpGroup("Images:")
    .argument("<source>", "HOST[:PORT]/REPO[:TAG][@DIGEST] or oci:DIR[:TAG]")
    .option("--to <target>", "another repository or layout, into which the image itself is copied too")
    .option("--platform <platform>", "of an index, the image to convert (linux/amd64)")
    .option("--force", "convert again what was converted before")
    .option("--all-tags", "of the repository or layout that <source> names: each image that can be converted")
    .option("--on-server", "let the registry do it, a `sluice serve`")
    .option("--wait", "with --on-server, which it implies: until it is done; as without it")
    .option("--no-wait", "with --on-server, which it implies: do not wait until it is done");
  command.addCommand(convertDeleteCommand(run));
  return withApiFlags(withImageFlags(command))
    .addHelpText(
      "after",
      examples(
        "sluice convert 127.0.0.1:5000/app:1",
        "sluice convert oci:./app:1 --to 127.0.0.1:5000/app:1",
        "sluice convert app:1 --on-server --registry 127.0.0.1:5000",
        "sluice convert 127.0.0.1:5000/app --all-tags",
        "sluice convert delete 127.0.0.1:5000/app:1",
      ),
    )
    .action(run(convert));
}

async function convert(context: Context, flags: ConvertFlags, source: string): Promise<ExitCode | undefined> {
  if (flags.allTags === true) return await convertAllTags(context, flags, source);
  await convertOne(context, flags, source);
  return undefined;
}

async function convertOne(context: Context, flags: ConvertFlags, source: string): Promise<void> {
  if (flags.onServer === true || flags.wait !== undefined) return await convertOnServer(context, flags, source);
  const { convertImage } = await import("@sluice/converter");
  await using images = await Images.open(context, flags);
  const image = images.image(source);
  const progress = await startProgress(context.output);
  try {
    const result = await convertImage(image, {
      root: context.settings.root,
      platform: flags.platform,
      force: flags.force,
      to: flags.to === undefined ? undefined : targetOf(images, flags.to),
      signal: context.signal,
      onProgress: (step) => progress.update(step.fraction, describeStep(step)),
    });
    progress.stop();
    if (result.alreadyConverted) context.output.note(`${image.reference} was converted before; nothing was done`);
    for (const warning of result.warnings) context.output.note(`warning: ${warning}`);
    context.output.result(result, describe);
  } finally {
    progress.stop();
  }
}

function targetOf(images: Images, text: string): ConvertOptions["to"] {
  const { repository, parsed } = images.image(text);
  return { repository, tag: parsed.tag };
}

function describeStep(step: ConversionProgress): string {
  switch (step.kind) {
    case "resolved":
      return `${step.layers} layers`;
    case "layer":
      return `${step.reused ? "reused" : "converted"} ${shortDigest(step.layer)}`;
    case "reading":
      return `reading, ${bytes(step.bytes)} of ${bytes(step.totalBytes)}`;
    case "merging":
      return "merging the layers";
    case "pushed":
      return `pushed ${shortDigest(step.blob)}`;
  }
}

function describe(result: ConversionResult): string {
  const { source, artifact, layers, uncompressedBytes, sizeBytes, seconds } = result;
  const rows = layers.map((layer) => [
    shortDigest(layer.source),
    shortDigest(layer.blob),
    bytes(layer.uncompressedBytes),
    bytes(layer.sizeBytes),
    layer.reused ? "yes" : "no",
  ]);
  return [
    table(["layer", "blob", "uncompressed", "size", "reused"], rows),
    "",
    facts([
      ["image", `${source.reference} (${shortDigest(source.digest)})`],
      ["artifact", artifact.digest],
      ["size", `${bytes(sizeBytes)}, of ${bytes(uncompressedBytes)} uncompressed`],
      ["took", duration(seconds)],
    ]),
  ].join("\n");
}
