import { imageLink } from "../address.js";
import { button, digestText, element, row, table } from "../element.js";
import { Follower } from "../follower.js";
import { listOperations, type Operation, type OperationFilter } from "../operations.js";
import { paged } from "../paged.js";
import { timeText } from "../quantities.js";
import type { Stage } from "../view.js";
import { nameOf, operationState, stateText } from "./operation-state.js";

/** Conversions of every repository that may be listed. */
export async function operationsView(stage: Stage): Promise<readonly Node[]> {
  return [element("h1", { tabindex: "-1" }, "Conversions"), ...(await operationList(stage, {}))];
}

/** Conversions, the newest first; those that go on are followed. */
export async function operationList(stage: Stage, filter: OperationFilter): Promise<readonly Node[]> {
  const { registry, signal } = stage;
  const follower = new Follower(stage);
  const list = table("The newest first", ["Image", "Asked for", "By", "State"], []);
  const [body] = list.tBodies;
  if (body === undefined) return [];
  const more = await paged(
    stage,
    body,
    (from) => listOperations(registry, filter, from, signal),
    (operation) => operationRow(stage, follower, operation),
  );
  const again = button("Look again", async () => stage.reload("The list is read again."));
  if (body.childElementCount === 0) {
    return [element("p", {}, "No conversion is known."), element("p", { class: "actions" }, again)];
  }
  return [list, element("p", { class: "actions" }, more, again)];
}

function operationRow(stage: Stage, follower: Follower, operation: Operation): HTMLTableRowElement {
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
    operationState(stage, follower, operation, (now) => stage.announce(`${nameOf(now)}: ${stateText(now)}`)),
  );
}
