import type { HeldLayers } from "@sluice/snapshotter/client";
import { Command } from "commander";
import type { Context } from "../context.js";
import { type ImageFlags, parseImageReference, withImageFlags } from "../images/opened-image.js";
import { daemonClient, imageAddress } from "../node/node-daemon.js";
import { bytes, duration } from "../output/quantities.js";
import { facts } from "../output/table.js";
import { examples, type Runner } from "../verb.js";

interface PullFlags extends ImageFlags {
  readonly containerdAddress: string;
  readonly containerdConfig: string;
}

/** What became of a pull. */
interface Pulled {
  readonly reference: string;
  /** As containerd knows it. */
  readonly image: string;
  /** As containerd reports it. */
  readonly sizeBytes: number | undefined;
  readonly seconds: number;
  /** None of its layers was fetched. */
  readonly streamed: boolean;
  /** What the snapshotter has of it; undefined where nobody could be asked. */
  readonly layers?: HeldLayers | undefined;
  /** Why not, and what helps. */
  readonly reason?: { readonly code: string; readonly message: string; readonly cure: string } | undefined;
}

/** `sluice pull`: an image into containerd, as the kubelet pulls it. */
export function pullCommand(run: Runner): Command {
  const command = new Command("pull")
    .description("pull an image into containerd as the kubelet does, and say whether it is streamed")
    .helpGroup("Node:")
    .argument("<ref>", "the image")
    .option("--containerd-address <socket>", "containerd's socket", "/run/containerd/containerd.sock")
    .option("--containerd-config <file>", "containerd's configuration", "/etc/containerd/config.toml");
  return withImageFlags(command).addHelpText("after", examples("sluice pull registry.example/app:1")).action(run(pull));
}

async function pull(context: Context, flags: PullFlags, ref: string): Promise<void> {
  const { dockerConfigCredentials, formatReference, targetOf } = await import("@sluice/oci");
  const { CriClient } = await import("@sluice/snapshotter");
  const { signal, output } = context;
  const parsed = parseImageReference(ref, context);
  if (parsed.kind !== "registry") {
    const { UsageError } = await import("../errors.js");
    throw new UsageError(`${ref}: containerd pulls from registries only; push the layout to one first`);
  }
  // containerd wants a tag or a digest.
  const reference = formatReference(parsed.digest === undefined ? { ...parsed, tag: targetOf(parsed) } : parsed);
  const { credentials } = await dockerConfigCredentials({ environment: { ...context.surroundings.environment } }).find(
    parsed.host,
    parsed.repository,
  );
  using containerd = new CriClient(flags.containerdAddress);
  const startedMs = performance.now();
  output.note(`pulling ${reference} through ${flags.containerdAddress}`);
  const image = await containerd.pull(reference, credentials, { signal });
  const tookSeconds = (performance.now() - startedMs) / 1000;
  const found = await containerd.image(image, { signal });
  const pulled: Pulled = {
    ...{ reference, image, sizeBytes: found?.sizeBytes, seconds: tookSeconds },
    ...(await streaming(context, flags, reference, found?.chainId)),
  };
  output.result(pulled, describe);
}

/** containerd's configuration says whether the snapshotter is asked at all, the snapshotter which layers it streams, the daemon why it does not. */
async function streaming(
  context: Context,
  flags: PullFlags,
  reference: string,
  chainId: string | undefined,
): Promise<Pick<Pulled, "streamed" | "layers" | "reason">> {
  const { containerdUsesNode } = await import("@sluice/snapshotter");
  const otherSnapshotter = (message: string): Pick<Pulled, "streamed" | "reason"> => ({
    streamed: false,
    reason: { code: "NOT_INSTALLED", message, cure: "run sluice node install" },
  });
  if (!(await containerdUsesNode(flags.containerdConfig)))
    return otherSnapshotter(`containerd does not use this node's snapshotter (${flags.containerdConfig})`);
  const { DaemonNotRunningError } = await import("@sluice/snapshotter/client");
  try {
    const daemon = await daemonClient(context);
    const { signal } = context;
    const layers = chainId === undefined ? noLayers : await daemon.layers(chainId, { signal });
    if (layers.unpacked === 0 && layers.streamed > 0) return { streamed: true, layers };
    if (layers.unpacked === 0)
      return { ...otherSnapshotter("containerd has the image in another snapshotter"), layers };
    const { pulled } = await daemon.why(await imageAddress(context, reference, flags), { signal });
    return { streamed: false, layers, reason: pulled?.reason ?? unpackedBefore };
  } catch (error) {
    if (!(error instanceof DaemonNotRunningError)) throw error;
    const cure = "systemctl start sluice";
    return { streamed: false, reason: { code: "DAEMON_NOT_RUNNING", message: error.message, cure } };
  }
}

const noLayers: HeldLayers = { streamed: 0, unpacked: 0 };
const unpackedBefore = {
  code: "UNPACKED_BEFORE",
  message: "its layers were unpacked by an earlier pull",
  cure: "remove the image from containerd (crictl rmi) and pull it again",
};

function describe({ reference, image, sizeBytes, seconds: took, streamed, layers, reason }: Pulled): string {
  return facts([
    ["image", reference],
    ["in containerd", image],
    ["size", sizeBytes === undefined ? undefined : bytes(sizeBytes)],
    ["took", duration(took)],
    ["streamed", streamed ? "yes" : `no: ${reason?.message ?? "for a reason that nobody knows"}`],
    ["layers", layers && `${layers.streamed} streamed, ${layers.unpacked} unpacked`],
    ["cure", reason?.cure],
  ]);
}
