import { imageLink } from "../address.js";
import { type AutoConversion, readAutoConversion, setAutoConversion } from "../auto-conversion.js";
import { button, element, row, table } from "../element.js";
import { timeText } from "../quantities.js";
import type { Stage } from "../view.js";

/** Whether pushes into a repository are converted by themselves, a switch for it, and which pushes could not be. */
export async function autoConversionSection(stage: Stage, repository: string): Promise<readonly Node[]> {
  const { registry, signal } = stage;
  let state = await readAutoConversion(registry, repository, signal);
  const toggle = button(
    "",
    () =>
      stage.attempt(async () => {
        state = await setAutoConversion(registry, repository, !state.isActive);
        show();
        stage.announce(`Auto-conversion of ${repository} is ${stateOf(state)}.`);
      }),
    { role: "switch", "aria-label": "Auto-conversion" },
  );
  const effect = element("span", { class: "muted" });
  const show = (): void => {
    toggle.textContent = stateOf(state);
    toggle.setAttribute("aria-checked", String(state.isActive));
    effect.textContent = state.isActive
      ? "What is pushed gets a streaming artifact by itself."
      : "What is pushed is converted when somebody asks.";
  };
  show();
  return [
    element("h2", {}, "Auto-conversion"),
    element("p", { class: "actions" }, toggle, effect),
    ...skippedTable(repository, state),
  ];
}

const stateOf = ({ isActive }: AutoConversion): string => (isActive ? "Active" : "Inactive");

function skippedTable(repository: string, { skipped }: AutoConversion): readonly Node[] {
  if (skipped.length === 0) return [];
  const rows = skipped.map(({ digest, tag, reason, time }) =>
    row(element("a", { href: imageLink(repository, digest) }, tag ?? digest), timeText(time), reason),
  );
  return [table("Pushes that could not be converted, the newest first", ["Image", "Pushed", "Why not"], rows)];
}
