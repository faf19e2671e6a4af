import type { VerifyResult } from "@sluice/converter";
import { Command } from "commander";
import type { Context } from "../context.js";
import { type ExitCode, exitCodes } from "../exit-codes.js";
import { type ImageFlags, Images, withImageFlags } from "../images/opened-image.js";
import { shortDigest } from "../output/quantities.js";
import { examples, type Runner } from "../verb.js";

/** `sluice verify`: proof that what is streamed is the image. */
export function verifyCommand(run: Runner): Command {
  const command = new Command("verify")
    .description("rebuild every layer's tar from the artifact and compare it with the image; exit 1 if they differ")
    .helpGroup("Images:")
    .argument("<ref>", "the image");
  return withImageFlags(command)
    .addHelpText("after", examples("sluice verify 127.0.0.1:5000/app:1"))
    .action(run(verify));
}

async function verify(context: Context, flags: ImageFlags, ref: string): Promise<ExitCode> {
  const { verifyImage } = await import("@sluice/converter");
  await using images = await Images.open(context, flags);
  const { settings, signal, output } = context;
  const result = await verifyImage(images.image(ref), {
    root: settings.root,
    signal,
    onLayer: ({ diffId, ok }) => output.note(`layer ${shortDigest(diffId)} ${ok ? "is right" : "is WRONG"}`),
  });
  output.result(result, describe);
  return result.ok ? exitCodes.done : exitCodes.failed;
}

function describe({ ok, layers, problems }: VerifyResult): string {
  const verdict = ok ? `verified: all ${layers.length} layers are the image's own` : "NOT the image";
  return [verdict, ...problems].join("\n");
}
