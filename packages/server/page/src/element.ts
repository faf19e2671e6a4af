/** A part of the page: what the registry says comes in as strings, and strings become text, never markup. */
type Child = Node | string;

/** An element with these attributes and children. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A button that runs `press`, and does nothing while that lasts. It keeps the focus meanwhile, which `disabled` would take away. */
export function button(
  label: string,
  press: () => Promise<void>,
  attributes: Readonly<Record<string, string>> = {},
): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", () => void onlyOnce(made, press));
  return made;
}

/** Whether what somebody asked for by a button of the view goes on, the question whether they are sure included. */
export const isBusy = (): boolean => document.querySelector('main [aria-disabled="true"]') !== null;

/** Runs `work` unless what `control` began the last time still runs. */
export async function onlyOnce(control: HTMLElement, work: () => Promise<void>): Promise<void> {
  if (control.getAttribute("aria-disabled") === "true") return;
  control.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    control.removeAttribute("aria-disabled");
  }
}

/** A digest: the first digits, as people tell them apart, and all of them where the pointer rests. */
export const digestText = (digest: string): HTMLElement =>
  element("code", { title: digest }, digest.replace(/^(sha\d+:[0-9a-f]{12})[0-9a-f]+$/, "$1"));

/** Pairs of a name and what it is. */
export const facts = (rows: readonly (readonly [string, Child])[]): HTMLElement =>
  element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));

/** A table; the first cell of a row names it. */
export function table(
  caption: string,
  headings: readonly string[],
  rows: readonly HTMLTableRowElement[],
): HTMLTableElement {
  const heads = headings.map((heading) => element("th", { scope: "col" }, heading));
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...rows),
  );
}

export const row = (name: Child, ...cells: readonly Child[]): HTMLTableRowElement =>
  element("tr", {}, element("th", { scope: "row" }, name), ...cells.map((cell) => element("td", {}, cell)));
