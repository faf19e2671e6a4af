import { imageLink } from "../address.js";
import { readRecordings, startFiguresOf } from "../artifacts.js";
import { confirmed } from "../confirm.js";
import { button, digestText, element, facts } from "../element.js";
import { Follower } from "../follower.js";
import { type Descriptor, type Manifest, readManifest, sizeOf } from "../manifests.js";
import { isOngoing, type Operation, requestConversion } from "../operations.js";
import { bytesText, savedText, shareText } from "../quantities.js";
import type { Stage } from "../view.js";
import { operationState, stateText } from "./operation-state.js";

export interface StreamedImage {
  readonly repository: string;
  /** As it was asked for. */
  readonly reference: string;
  /** What can be streamed: of an index, its linux/amd64. */
  readonly image: Manifest;
  readonly artifacts: readonly Descriptor[];
  /** The last conversion of the image that is known. */
  readonly conversion: Operation | undefined;
}

/** How an image is streamed: what that takes, and what a start takes; how that comes about where it is not. */
export async function streamingSection(stage: Stage, streamed: StreamedImage): Promise<readonly Node[]> {
  const { artifacts, conversion } = streamed;
  return [
    element("h2", {}, "Streaming"),
    ...(await Promise.all(artifacts.map((artifact) => artifactFacts(stage, streamed, artifact)))),
    ...(conversion !== undefined && isOngoing(conversion) ? [ongoing(stage, conversion)] : []),
    ...(artifacts.length === 0 ? unconverted(stage, streamed) : []),
  ];
}

function ongoing(stage: Stage, conversion: Operation): HTMLElement {
  const ended = (now: Operation): void => stage.reload(`Conversion: ${stateText(now)}`);
  return element("p", {}, "Conversion: ", operationState(stage, new Follower(stage), conversion, ended));
}

function unconverted(stage: Stage, { repository, reference, conversion }: StreamedImage): readonly Node[] {
  const none = element("p", {}, "There is no streaming artifact: nodes pull this image in full.");
  if (conversion !== undefined && isOngoing(conversion)) return [none];
  const create = button(
    "Create streaming artifact…",
    () =>
      stage.attempt(async () => {
        const text =
          `The registry converts ${repository}${reference.includes(":") ? "@" : ":"}${reference}. ` +
          "The image stays as it is; the artifact takes about as much room again.";
        const answers = { yes: "Create", no: "Not now", isHarmless: true };
        if (!(await confirmed("Create a streaming artifact?", text, answers))) return;
        await requestConversion(stage.registry, repository, reference);
        stage.reload("The conversion is asked for.");
      }),
    { class: "primary" },
  );
  const failed = conversion?.status === "Failed" ? [element("p", { class: "bad" }, stateText(conversion))] : [];
  return [none, ...failed, element("p", { class: "actions" }, create)];
}

async function artifactFacts(
  { registry, signal }: Stage,
  { repository, image }: StreamedImage,
  { digest }: Descriptor,
): Promise<HTMLElement> {
  const artifact = await readManifest(registry, repository, digest, signal);
  const [imageBytes, artifactBytes] = [sizeOf(image), sizeOf(artifact)];
  const { firstBytes, recordings, hasStartupBlob } = startFiguresOf(artifact);
  const starts = await readRecordings(registry, repository, artifact, signal);
  return facts([
    ["Artifact", element("a", { href: imageLink(repository, digest) }, digestText(digest))],
    ["Original", bytesText(imageBytes)],
    ["Streaming", `${bytesText(artifactBytes)}, ${savedText(imageBytes, artifactBytes)}`],
    ["A start fetches first", `${bytesText(firstBytes)}, ${shareText(firstBytes, imageBytes)} of the original`],
    ["Its startup set", startupText(hasStartupBlob, recordings)],
    ...(starts.length > 0
      ? [
          [
            "Recorded starts",
            starts
              .map(({ seconds, touchedBytes }) => `${seconds.toFixed(1)} s, read ${bytesText(touchedBytes)}`)
              .join("; "),
          ] as const,
        ]
      : []),
  ]);
}

function startupText(hasStartupBlob: boolean, recordings: number): string {
  if (!hasStartupBlob) return "none";
  if (recordings === 0) return "predicted from the image";
  return `learned from ${recordings} recorded ${recordings === 1 ? "start" : "starts"}`;
}
