import { button, element } from "./element.js";

/**
 * Asks before something is done that cannot be taken back. The browser's own modal dialog: it keeps the focus inside, Escape is no, and
 * the focus goes back to where it was.
 * @returns whether it shall be done
 */
export function confirmed(title: string, text: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = false;
    const no = button("Keep it", async () => dialog.close(), { autofocus: "" });
    const dialog = element(
      "dialog",
      { "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
      element("h2", { id: "confirm-title" }, title),
      element("p", { id: "confirm-text" }, text),
      element(
        "p",
        { class: "actions" },
        no,
        button(
          yes,
          async () => {
            answer = true;
            dialog.close();
          },
          { class: "danger" },
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
