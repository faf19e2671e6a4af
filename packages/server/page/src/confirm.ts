import { button, element } from "./element.js";

/** Words of the two buttons. */
interface Answers {
  readonly yes: string;
  readonly no: string;
  /** Nothing is lost by it. */
  readonly isHarmless?: boolean;
}

/**
 * Asks before something is done that costs or destroys. The browser's own modal dialog: it keeps the focus inside, Escape is no, and
 * the focus goes back to where it was.
 * @returns whether it shall be done
 */
export function confirmed(title: string, text: string, { yes, no, isHarmless = false }: Answers): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = false;
    const refuse = button(no, async () => dialog.close(), { autofocus: "" });
    const dialog = element(
      "dialog",
      { "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
      element("h2", { id: "confirm-title" }, title),
      element("p", { id: "confirm-text" }, text),
      element(
        "p",
        { class: "actions" },
        refuse,
        button(
          yes,
          async () => {
            answer = true;
            dialog.close();
          },
          { class: isHarmless ? "primary" : "danger" },
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
