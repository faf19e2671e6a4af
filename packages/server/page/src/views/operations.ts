import { imageLink } from "../address.js";
import { button, digestText, element, row, table } from "../element.js";
import { Follower } from "../follower.js";
import { keepLooking } from "../looking.js";
import { isOngoing, listOperations, type Operation, type OperationFilter } from "../operations.js";
import { paged } from "../paged.js";
import { timeText } from "../quantities.js";
import type { Page } from "../registry.js";
import type { Stage } from "../view.js";
import { nameOf, operationState, stateText } from "./operation-state.js";

/** Conversions of every repository that may be listed. */
export async function operationsView(stage: Stage): Promise<readonly Node[]> {
  return [element("h1", { tabindex: "-1" }, "Conversions"), ...(await operationList(stage, {}))];
}

/** Between two looks for new ones. Milliseconds. */
const lookEveryMs = 3_000;

/**
 * Conversions, the newest first. Those that go on are followed, and those that are asked for from now on come in by themselves.
 * @param ended is told of each one that has ended since
 */
export async function operationList(
  stage: Stage,
  filter: OperationFilter,
  ended: (operation: Operation) => void = () => undefined,
): Promise<readonly Node[]> {
  const { registry, signal } = stage;
  const follower = new Follower(stage);
  const list = table("The newest first", ["Image", "Asked for", "By", "State"], []);
  const [body] = list.tBodies;
  if (body === undefined) return [];
  const shown = new Set<string>();
  const show = (operation: Operation): HTMLTableRowElement => {
    shown.add(operation.id);
    return operationRow(stage, follower, operation, ended);
  };
  const load = (from?: string): Promise<Page<Operation>> => listOperations(registry, filter, from, signal);
  const more = await paged(stage, body, load, show);
  const none = element("p", {}, "No conversion is known.");
  const showWhichIs = (): void => {
    list.hidden = shown.size === 0;
    none.hidden = shown.size > 0;
  };
  showWhichIs();
  void keepLooking(stage, {
    everyMs: lookEveryMs,
    trouble: "New conversions are not known",
    look: async () => {
      const { items, next } = await load();
      if (signal.aborted) return;
      const fresh = items.filter(({ id }) => !shown.has(id));
      // There may be more between these and those that are shown.
      if (fresh.length === items.length && next !== undefined) return stage.reload("The list is read again.");
      body.prepend(...fresh.map(show));
      showWhichIs();
      for (const operation of fresh) if (!isOngoing(operation)) ended(operation);
    },
  });
  const again = button("Look again", async () => stage.reload("The list is read again."));
  return [list, none, element("p", { class: "actions" }, more, again)];
}

function operationRow(
  stage: Stage,
  follower: Follower,
  operation: Operation,
  ended: (operation: Operation) => void,
): HTMLTableRowElement {
  const { repository, tag, digest, createdAt, cause } = operation;
  const link = element(
    "a",
    { href: imageLink(repository, digest) },
    tag === undefined ? repository : nameOf(operation),
  );
  return row(
    element("span", {}, link, " ", digestText(digest)),
    timeText(createdAt),
    cause,
    operationState(stage, follower, operation, (now) => {
      stage.announce(`${nameOf(now)}: ${stateText(now)}`);
      ended(now);
    }),
  );
}
