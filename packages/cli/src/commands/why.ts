import type { WhyAnswer } from "@sluice/snapshotter/client";
import { Command } from "commander";
import type { Context } from "../context.js";
import { type ImageFlags, withImageFlags } from "../images/opened-image.js";
import { imageAddress, startedDaemon } from "../node/node-daemon.js";
import { bytes } from "../output/quantities.js";
import { facts } from "../output/table.js";
import { examples, type Runner } from "../verb.js";

/** `sluice why`: whether an image is streamed here, and if not, what to do. */
export function whyCommand(run: Runner): Command {
  const command = new Command("why")
    .description("is this image streamed on this node, and if not, why, and what helps")
    .helpGroup("Node:")
    .argument("<ref>", "the image");
  return withImageFlags(command).addHelpText("after", examples("sluice why 127.0.0.1:5000/app:1")).action(run(why));
}

async function why(context: Context, flags: ImageFlags, ref: string): Promise<void> {
  const address = await imageAddress(context, ref, flags);
  const daemon = await startedDaemon(context);
  context.output.result(await daemon.why(address, { signal: context.signal }), describe);
}

function describe({ reference, streamed, artifact, mountpoints, reason, pulled, ...here }: WhyAnswer): string {
  const answer = streamed ? "yes" : `no: ${reason?.message ?? "for a reason that nobody knows"}`;
  return facts([
    ["image", reference],
    ["streamed", answer],
    ["cure", reason?.cure],
    ["last pull", pulled && (pulled.streamed ? "streamed" : `as usual: ${pulled.reason?.message}`)],
    ["artifact", artifact],
    ["on this node", onThisNode(here)],
    ["mounted on", mountpoints.length === 0 ? undefined : mountpoints.join(", ")],
  ]);
}

/** A start reads what earlier ones read, as a rule; nobody knows before. */
function onThisNode({ local, storedBytes }: Pick<WhyAnswer, "local" | "storedBytes">): string {
  if (!local) return "no";
  if (storedBytes === 0) return "nothing that a start reads: that comes from the registry";
  return `${storedBytes === undefined ? "what was read here" : bytes(storedBytes)}, which needs no registry any more`;
}
