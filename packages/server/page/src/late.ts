import { element } from "./element.js";
import { RefusedError } from "./registry.js";
import type { Stage } from "./view.js";

/** Fills in what comes after its row. What goes wrong stands where it would have stood, and the rest of the page is not disturbed. */
export async function fillLate(stage: Stage, cell: HTMLElement, work: () => Promise<void>): Promise<void> {
  if (stage.signal.aborted) return;
  try {
    await work();
  } catch (error) {
    if (stage.signal.aborted) return;
    if (error instanceof RefusedError && error.status === 401) stage.tell(error);
    else
      cell.replaceChildren(element("span", { class: "bad" }, error instanceof Error ? error.message : String(error)));
  }
}
