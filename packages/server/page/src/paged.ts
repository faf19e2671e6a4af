import { button } from "./element.js";
import type { Page } from "./registry.js";
import type { Stage } from "./view.js";

/** Puts the rows of the first page into a table's body, and those of the next ones when somebody asks for more. @returns the button for it */
export async function paged<Item>(
  stage: Stage,
  body: HTMLElement,
  load: (from: string | undefined) => Promise<Page<Item>>,
  show: (item: Item) => HTMLTableRowElement,
): Promise<HTMLButtonElement> {
  let next: string | undefined;
  const add = async (from?: string): Promise<void> => {
    const page = await load(from);
    next = page.next;
    body.append(...page.items.map(show));
    more.hidden = next === undefined;
  };
  const more = button("Show more", () =>
    stage.attempt(async () => {
      await add(next);
      stage.announce(`${body.childElementCount} rows`);
    }),
  );
  await add();
  return more;
}
