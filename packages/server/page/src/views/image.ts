import { imageLink, repositoryLink } from "../address.js";
import { isStreaming, streamableOf } from "../artifacts.js";
import { confirmed } from "../confirm.js";
import { button, digestText, element, facts, isBusy, row, table } from "../element.js";
import { fillLate } from "../late.js";
import { keepLooking } from "../looking.js";
import {
  type Descriptor,
  deleteManifest,
  listReferrers,
  type Manifest,
  readDocument,
  readManifest,
  sizeOf,
} from "../manifests.js";
import { isOngoing, listOperations, type Operation } from "../operations.js";
import { bytesText, timeText } from "../quantities.js";
import type { Stage } from "../view.js";
import { Waiting } from "../waiting.js";
import { streamingSection } from "./streaming.js";

/** A manifest: what it is, how it is streamed, and what refers to it. */
export async function imageView(stage: Stage): Promise<readonly Node[]> {
  const { registry, query, signal } = stage;
  const repository = query.get("repository") ?? "";
  const reference = query.get("reference") ?? "";
  const manifest = await readManifest(registry, repository, reference, signal);
  const image = await streamableOf(registry, repository, manifest, signal);
  const subjects = [...new Set([manifest.digest, ...(image ? [image.digest] : [])])];
  const attached = () => attachedTo(stage, repository, subjects, image?.digest);
  const { referrers, conversions } = await attached();
  const [conversion] = conversions;
  if (conversion === undefined || !isOngoing(conversion)) keepShown(stage, attached, { referrers, conversions });
  return [
    element("h1", { tabindex: "-1" }, `${repository}${reference.includes(":") ? "@" : ":"}${reference}`),
    element("p", {}, element("a", { href: repositoryLink(repository) }, `All of ${repository}`)),
    facts(await factsOf(stage, repository, manifest)),
    ...(manifest.isIndex ? platformTable(repository, manifest) : []),
    ...(image
      ? await streamingSection(stage, {
          repository,
          reference,
          image,
          artifacts: referrers.filter(isStreaming),
          conversion,
        })
      : []),
    ...referrersSection(stage, repository, referrers, conversions),
    ...layersSection(manifest),
  ];
}

/** What comes and goes at an image that itself stays as it is. */
interface Attached {
  readonly referrers: readonly Descriptor[];
  /** Of what is streamed of it, the newest first. */
  readonly conversions: readonly Operation[];
}

async function attachedTo(
  { registry, signal }: Stage,
  repository: string,
  subjects: readonly string[],
  digest: string | undefined,
): Promise<Attached> {
  const lists = await Promise.all(subjects.map((subject) => listReferrers(registry, repository, subject, signal)));
  const { items } = digest ? await listOperations(registry, { repository, digest }, undefined, signal) : { items: [] };
  return { referrers: lists.flat(), conversions: items };
}

/** Between two looks. Milliseconds. */
const lookEveryMs = 3_000;

/** Shows the view anew when an artifact comes or goes, or a conversion is asked for elsewhere. */
function keepShown(stage: Stage, look: () => Promise<Attached>, shown: Attached): void {
  const signOf = ({ referrers, conversions: [last] }: Attached): string =>
    [...referrers.map(({ digest }) => digest).sort(), last?.id, last?.status].join();
  void keepLooking(stage, {
    everyMs: lookEveryMs,
    trouble: "Whether anything has changed is not known",
    look: async () => {
      if (isBusy()) return;
      const now = await look();
      if (signOf(now) !== signOf(shown) && !isBusy()) stage.reload("What belongs to this image has changed.");
    },
  });
}

async function factsOf(
  { registry, signal }: Stage,
  repository: string,
  manifest: Manifest,
): Promise<readonly (readonly [string, Node | string])[]> {
  const { subject, config, artifactType } = manifest;
  const configured = config && isImageConfig(config) ? await readDocument(registry, repository, config, signal) : {};
  const known = (name: string): string | undefined =>
    typeof configured[name] === "string" ? configured[name] : undefined;
  const [os, architecture, created] = [known("os"), known("architecture"), known("created")];
  return [
    ["Digest", element("code", {}, manifest.digest)],
    ["Kind", artifactType ?? manifest.mediaType],
    ...(subject
      ? [
          [
            "Refers to",
            element("a", { href: imageLink(repository, subject.digest) }, digestText(subject.digest)),
          ] as const,
        ]
      : []),
    ...(os !== undefined && architecture !== undefined ? [["Platform", `${os}/${architecture}`] as const] : []),
    ...(created !== undefined ? [["Built", timeText(created)] as const] : []),
    ...(manifest.isIndex ? [] : [["Size", bytesText(sizeOf(manifest))] as const]),
  ];
}

const isImageConfig = ({ mediaType }: Descriptor): boolean =>
  mediaType === "application/vnd.oci.image.config.v1+json" ||
  mediaType === "application/vnd.docker.container.image.v1+json";

function platformTable(repository: string, { manifests }: Manifest): readonly Node[] {
  const rows = manifests.map(({ platform, digest, size }) =>
    row(
      element("a", { href: imageLink(repository, digest) }, platform ?? "unknown"),
      digestText(digest),
      `${bytesText(size)} of manifest`,
    ),
  );
  return [element("h2", {}, "Platforms"), table("One image each", ["Platform", "Digest", "Size"], rows)];
}

function referrersSection(
  stage: Stage,
  repository: string,
  referrers: readonly Descriptor[],
  conversions: readonly Operation[],
): readonly Node[] {
  const { registry, signal } = stage;
  const waiting = new Waiting();
  const rows = referrers.map((referrer) => {
    const size = element("span", {}, "…");
    waiting.run(() =>
      fillLate(stage, size, async () => {
        size.textContent = bytesText(sizeOf(await readManifest(registry, repository, referrer.digest, signal)));
      }),
    );
    const link = element(
      "a",
      { href: imageLink(repository, referrer.digest) },
      referrer.artifactType ?? referrer.mediaType,
    );
    return row(
      element("span", {}, link, " ", digestText(referrer.digest)),
      size,
      dateOf(referrer, conversions),
      isStreaming(referrer) ? deleteButton(stage, repository, referrer.digest) : "",
    );
  });
  const heading = element("h2", {}, "Referrers");
  if (rows.length === 0) return [heading, element("p", {}, "Nothing refers to this image.")];
  return [heading, table("What is attached to it", ["Type and digest", "Size", "Made", "Delete"], rows)];
}

/** Streaming artifacts say no time: equal images give equal artifacts. The conversion that made one is remembered for a while. */
function dateOf({ annotations, digest }: Descriptor, conversions: readonly Operation[]): string {
  const made = conversions.find(({ artifactDigest }) => artifactDigest === digest);
  const created = annotations["org.opencontainers.image.created"] ?? made?.finishedAt;
  return typeof created === "string" ? timeText(created) : "–";
}

const deleteButton = (stage: Stage, repository: string, digest: string): HTMLElement =>
  button(
    "Delete…",
    () =>
      stage.attempt(async () => {
        const text =
          `The streaming artifact ${digest} of ${repository} goes. The image stays, and nodes pull it in full, ` +
          "until somebody creates an artifact again.";
        if (!(await confirmed("Delete the streaming artifact?", text, { yes: "Delete", no: "Keep it" }))) return;
        await deleteManifest(stage.registry, repository, digest);
        stage.reload("The streaming artifact is deleted.");
      }),
    { class: "danger", "aria-label": `Delete streaming artifact ${digest}` },
  );

function layersSection({ layers }: Manifest): readonly Node[] {
  if (layers.length === 0) return [];
  const rows = layers.map(({ digest, mediaType, size }) =>
    row(digestText(digest), element("code", {}, mediaType), bytesText(size)),
  );
  return [element("h2", {}, "Layers"), table("Lowest first", ["Digest", "Type", "Size"], rows)];
}
