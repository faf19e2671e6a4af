import { imageLink } from "../address.js";
import { isStreamed, streamableDigestOf } from "../artifacts.js";
import { digestText, element, row, table } from "../element.js";
import { fillLate } from "../late.js";
import { listTags, readManifest, sizeOf } from "../manifests.js";
import type { Operation } from "../operations.js";
import { paged } from "../paged.js";
import { bytesText } from "../quantities.js";
import type { Stage } from "../view.js";
import { Waiting } from "../waiting.js";
import { autoConversionSection } from "./auto-conversion.js";
import { operationList } from "./operations.js";

interface ShownTag {
  readonly tag: string;
  /** Digest of what is streamed of it, once that is known. */
  image: string | undefined;
  /** Reads and shows it, again. */
  readonly fill: () => void;
}

/** A repository: its tags, and how it is converted. */
export async function repositoryView(stage: Stage): Promise<readonly Node[]> {
  const { registry, query, signal } = stage;
  const name = query.get("name") ?? "";
  const list = table("By name", ["Tag", "Digest", "Size", "Streamed"], []);
  const [body] = list.tBodies;
  if (body === undefined) return [];
  const waiting = new Waiting();
  const shown: ShownTag[] = [];
  const more = await paged(
    stage,
    body,
    (from) => listTags(registry, name, from, signal),
    (tag) => {
      const [digest, size, streamed] = [element("span", {}, "…"), element("span"), element("span")];
      const fill = (): void =>
        waiting.run(() =>
          fillLate(stage, digest, async () => {
            const manifest = await readManifest(registry, name, tag, signal);
            one.image = streamableDigestOf(manifest);
            digest.replaceChildren(digestText(manifest.digest));
            size.textContent = manifest.isIndex ? "several platforms" : bytesText(sizeOf(manifest));
            streamed.textContent = (await isStreamed(registry, name, manifest, signal)) ? "Yes" : "No";
          }),
        );
      const one: ShownTag = { tag, image: undefined, fill };
      shown.push(one);
      fill();
      return row(element("a", { href: imageLink(name, tag) }, tag), digest, size, streamed);
    },
  );
  const converted = ({ tag, digest }: Operation): void => {
    for (const one of shown) if (one.tag === tag || one.image === digest) one.fill();
  };
  return [
    element("h1", { tabindex: "-1" }, name),
    element("h2", {}, "Tags"),
    ...(body.childElementCount === 0
      ? [element("p", {}, "No tags. What is here can be had by its digest.")]
      : [list, element("p", { class: "actions" }, more)]),
    ...(await autoConversionSection(stage, name)),
    element("h2", {}, "Conversions"),
    ...(await operationList(stage, { repository: name }, converted)),
  ];
}
