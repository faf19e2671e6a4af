import { element, onlyOnce } from "../element.js";
import type { Registry } from "../registry.js";

/** The form to sign in with. `done` is called when it worked; `refused` shows why it did not. */
export function signInForm(registry: Registry, done: () => void, refused: (error: unknown) => void): readonly Node[] {
  const name = element("input", { name: "username", autocomplete: "username", required: "", autocapitalize: "none" });
  const password = element("input", {
    name: "password",
    type: "password",
    autocomplete: "current-password",
    required: "",
  });
  const submit = element("button", { class: "primary" }, "Sign in");
  const form = element(
    "form",
    {},
    element("label", {}, "Name of a user or token", name),
    element("label", {}, "Password", password),
    submit,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void onlyOnce(submit, async () => {
      try {
        await registry.signIn(name.value, password.value);
        done();
      } catch (error) {
        refused(error);
        password.select();
      }
    });
  });
  return [
    element("h1", { tabindex: "-1" }, "Sign in"),
    element(
      "p",
      { class: "muted" },
      "With what you give to docker login. The password is forgotten when this page is closed or reloaded.",
    ),
    form,
  ];
}
