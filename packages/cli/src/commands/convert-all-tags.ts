import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { type ExitCode, exitCodes } from "../exit-codes.js";
import { Images } from "../images/opened-image.js";
import { failureOf } from "../output/failure.js";
import { shortDigest } from "../output/quantities.js";
import { table } from "../output/table.js";
import { endOfOperation, OperationError, requestOperation } from "../registry-api/operations.js";
import { ApiError, listTags } from "../registry-api/registry-api.js";
import { selectedRepository } from "../registry-api/selected-image.js";
import type { ConvertFlags } from "./convert-flags.js";

/** What became of a tag. */
interface TaggedImage {
  readonly tag: string;
  readonly digest: string;
  /** Undefined while the registry converts and nobody waits. */
  readonly artifactDigest?: string | undefined;
  readonly alreadyConverted: boolean;
  /** Of the operation, where the registry converts. */
  readonly id?: string | undefined;
}

interface RefusedTag {
  readonly tag: string;
  readonly code: string;
  readonly message: string;
}

/** Of a repository: what is converted, what is no image that can be, and what went wrong. */
interface AllTags {
  readonly images: readonly TaggedImage[];
  readonly skipped: readonly RefusedTag[];
  readonly failed: readonly RefusedTag[];
}

/** What an image is, not what went wrong: other tags are not to blame. */
const incompatible: ReadonlySet<string> = new Set([
  "UNSUPPORTED_PLATFORM",
  "NO_SUPPORTED_PLATFORM_FOUND",
  "UNSUPPORTED_MEDIATYPE",
  "UNSUPPORTED_ARTIFACT_TYPE",
  "IMAGE_NOT_RUNNABLE",
]);
/** Distribution specification, "Referrers Tag Schema": lists of what is attached, no images. */
const referrersTag = /^sha256-[0-9a-f]{64}$/;

/** AS19: converts what is there already, tag by tag. @returns 1 when one of them failed that could be converted */
export async function convertAllTags(context: Context, flags: ConvertFlags, source: string): Promise<ExitCode> {
  const isOnServer = flags.onServer === true || flags.wait !== undefined;
  const result = isOnServer ? await onServer(context, flags, source) : await here(context, flags, source);
  context.output.result(result, describe);
  return result.failed.length === 0 ? exitCodes.done : exitCodes.failed;
}

async function here(context: Context, flags: ConvertFlags, source: string): Promise<AllTags> {
  const { convertImage } = await import("@sluice/converter");
  await using images = await Images.open(context, flags);
  const { parsed, repository, reference } = images.image(source);
  if (parsed.tag !== undefined || parsed.digest !== undefined) throw withoutTag(source);
  const target = flags.to === undefined ? undefined : images.image(flags.to);
  if (target?.parsed.tag !== undefined) throw withoutTag(`--to ${flags.to}`);
  const { root } = context.settings;
  const { signal } = context;
  return await eachOf(context, repository.tags({ signal }), async (tag) => {
    const to = target && { repository: target.repository, tag };
    const place = { repository, target: tag, reference: `${reference}:${tag}` };
    const { platform, force } = flags;
    const {
      source: image,
      artifact,
      alreadyConverted,
    } = await convertImage(place, {
      ...{ root, platform, force, to, signal },
    });
    context.output.note(`${tag}: ${alreadyConverted ? "was converted before" : "converted"}`);
    return { tag, digest: image.digest, artifactDigest: artifact.digest, alreadyConverted };
  });
}

/** All are asked for before the first is waited for: the registry works through them in its own order. */
async function onServer(context: Context, flags: ConvertFlags, source: string): Promise<AllTags> {
  if (flags.to !== undefined) throw new UsageError("--to goes without --on-server: the registry attaches in place");
  const { context: place, repository } = selectedRepository(context, source);
  const asked = await eachOf(context, listTags(place, flags, repository), async (tag) => {
    const wish = { repository, reference: tag, force: flags.force === true };
    return { tag, operation: await requestOperation(place, flags, wish) };
  });
  if (flags.wait === false) {
    return { ...asked, images: asked.images.map(({ tag, operation }) => ({ tag, ...factsOf(operation) })) };
  }
  const ended = await eachOf(context, asked.images, async ({ tag, operation }) => {
    if (operation.alreadyConverted) return { tag, ...factsOf(operation) };
    const end = await endOfOperation(place, flags, operation);
    if (end.status !== "Succeeded") {
      const { code, message } = end.error ?? { code: "OPERATION_CANCELED", message: "it was cancelled" };
      throw new OperationError(code, `operation ${end.id}: ${message}`);
    }
    return { tag, ...factsOf({ ...end, alreadyConverted: false }) };
  });
  return {
    images: ended.images,
    skipped: [...asked.skipped, ...ended.skipped],
    failed: [...asked.failed, ...ended.failed],
  };
}

const factsOf = ({ digest, artifactDigest, alreadyConverted, id }: Omit<TaggedImage, "tag">) => ({
  ...{ digest, artifactDigest, alreadyConverted, id },
});

/** Goes on when one fails. */
async function eachOf<T extends string | { readonly tag: string }, R>(
  { signal }: Context,
  tags: AsyncIterable<T> | Iterable<T>,
  work: (tag: T) => Promise<R>,
): Promise<{ readonly images: R[]; readonly skipped: RefusedTag[]; readonly failed: RefusedTag[] }> {
  const [images, skipped, failed]: [R[], RefusedTag[], RefusedTag[]] = [[], [], []];
  for await (const each of tags) {
    const tag = typeof each === "string" ? each : each.tag;
    if (referrersTag.test(tag)) continue;
    try {
      images.push(await work(each));
    } catch (error) {
      signal.throwIfAborted();
      const { code: said, message } = failureOf(error);
      const code = (error instanceof ApiError ? error.reason : undefined) ?? said;
      (incompatible.has(code) ? skipped : failed).push({ tag, code, message });
    }
  }
  return { images, skipped, failed };
}

const withoutTag = (text: string): UsageError =>
  new UsageError(`${text}: --all-tags takes a repository or a layout, without a tag or digest`);

function describe({ images, skipped, failed }: AllTags): string {
  const rows = images.map(({ tag, digest, artifactDigest, alreadyConverted, id }) => [
    tag,
    shortDigest(digest),
    artifactDigest === undefined ? `operation ${id}` : shortDigest(artifactDigest),
    alreadyConverted ? "before" : artifactDigest === undefined ? "asked for" : "now",
  ]);
  const refused = (what: string, tags: readonly RefusedTag[]): string[][] =>
    tags.map(({ tag, code, message }) => [what, tag, code, message]);
  const others = [...refused("skipped", skipped), ...refused("failed", failed)];
  return [
    table(["tag", "image", "artifact", "converted"], rows),
    ...(others.length === 0 ? [] : ["", table(["", "tag", "code", "why"], others)]),
  ].join("\n");
}
