import { repositoryLink } from "../address.js";
import { button, element, row, table } from "../element.js";
import { paged } from "../paged.js";
import { bytesText } from "../quantities.js";
import { listRepositories } from "../repositories.js";
import { measureUsage } from "../usage.js";
import type { Stage } from "../view.js";

/** Every repository that may be listed. */
export async function repositoriesView(stage: Stage): Promise<readonly Node[]> {
  const { registry, signal } = stage;
  const cells = new Map<string, readonly [original: HTMLElement, streaming: HTMLElement]>();
  const list = table("By name", ["Repository", "Originals", "Streaming"], []);
  const [body] = list.tBodies;
  if (body === undefined) return [];
  const more = await paged(
    stage,
    body,
    (from) => listRepositories(registry, from, signal),
    (name) => {
      const sizes = [element("span", {}, "–"), element("span", {}, "–")] as const;
      cells.set(name, sizes);
      return row(element("a", { href: repositoryLink(name) }, name), ...sizes);
    },
  );
  const measure = button("Measure sizes", () =>
    stage.attempt(async () => {
      const usage = await measureUsage(registry, signal);
      for (const [name, [original, streaming]] of cells) {
        original.textContent = bytesText(usage.get(name)?.originalBytes ?? 0);
        streaming.textContent = bytesText(usage.get(name)?.streamingBytes ?? 0);
      }
      stage.announce("Sizes are measured.");
    }),
  );
  const none = "There is no repository yet, or none that you may list. Push an image, and it is here.";
  return [
    element("h1", { tabindex: "-1" }, "Repositories"),
    ...(body.childElementCount === 0
      ? [element("p", {}, none)]
      : [list, element("p", { class: "actions" }, more, measure)]),
  ];
}
