import { confirmed } from "../confirm.js";
import { button, element } from "../element.js";
import type { Follower } from "../follower.js";
import { cancelOperation, isOngoing, type Operation } from "../operations.js";
import type { Stage } from "../view.js";

/**
 * How far a conversion is, live, with a button to cancel it while it goes on.
 * @param ended is told when it ends while it is shown
 */
export function operationState(
  stage: Stage,
  follower: Follower,
  operation: Operation,
  ended: (operation: Operation) => void,
): HTMLElement {
  const text = element("span");
  const bar = element("progress", { max: "100", "aria-label": `Progress of the conversion of ${nameOf(operation)}` });
  const cancel = cancelButton(stage, operation, (changed) => show(changed));
  const state = element("span", { class: "state" }, text, bar, cancel);
  const show = (now: Operation): void => {
    text.textContent = stateText(now);
    text.className = now.status === "Succeeded" ? "good" : now.status === "Failed" ? "bad" : "";
    bar.value = now.progressPercent;
    bar.hidden = !isOngoing(now);
    cancel.hidden = !isOngoing(now) || now.isCancelRequested;
  };
  show(operation);
  if (isOngoing(operation)) {
    follower.follow(operation, (now) => {
      show(now);
      if (!isOngoing(now)) ended(now);
    });
  }
  return state;
}

export const nameOf = ({ repository, tag, digest }: Operation): string =>
  tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`;

export function stateText({ status, progressPercent, error, isCancelRequested }: Operation): string {
  const reason = error === undefined ? "" : `: ${error}`;
  if (status === "NotStarted") return error === undefined ? "Waiting" : `Waiting for the next attempt${reason}`;
  if (status === "Running") return isCancelRequested ? "Being canceled" : `Running, ${progressPercent} %`;
  return `${status}${reason}`;
}

const cancelButton = (stage: Stage, operation: Operation, cancelled: (operation: Operation) => void): HTMLElement =>
  button(
    "Cancel…",
    () =>
      stage.attempt(async () => {
        const text = `The conversion of ${nameOf(operation)} ends, and no streaming artifact is made. It can be asked for again.`;
        if (!(await confirmed("Cancel the conversion?", text, { yes: "Cancel it", no: "Let it go on" }))) return;
        cancelled(await cancelOperation(stage.registry, operation.id));
      }),
    { class: "danger", "aria-label": `Cancel the conversion of ${nameOf(operation)}` },
  );
