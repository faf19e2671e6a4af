import { currentAddress } from "./address.js";
import { button, element } from "./element.js";
import { RefusedError, Registry } from "./registry.js";
import type { Stage, View } from "./view.js";
import { imageView } from "./views/image.js";
import { repositoriesView } from "./views/repositories.js";
import { repositoryView } from "./views/repository.js";
import { signInForm } from "./views/sign-in.js";

const views: Readonly<Record<string, View>> = {
  repositories: repositoriesView,
  repository: repositoryView,
  image: imageView,
};

const registry = new Registry();
const main = byId("main");
const problem = byId("problem");
const status = byId("status");
const account = byId("account");
/** Ends with the view that is shown. */
let shown = new AbortController();

/** Shows what the address says. */
async function show(): Promise<void> {
  shown.abort();
  shown = new AbortController();
  const { signal } = shown;
  const { view, query } = currentAddress();
  problem.textContent = "";
  status.textContent = "Loading…";
  showAccount();
  markCurrent(view);
  const stage: Stage = {
    registry,
    query,
    signal,
    announce: (text) => {
      if (!signal.aborted) status.textContent = text;
    },
    attempt: async (work) => {
      problem.textContent = "";
      try {
        await work();
      } catch (error) {
        if (!signal.aborted) tell(error);
      }
    },
    reload: () => void show(),
  };
  try {
    const content = await (views[view] ?? repositoriesView)(stage);
    if (!signal.aborted) put(content);
  } catch (error) {
    if (signal.aborted) return;
    put([
      element("h1", { tabindex: "-1" }, "Not shown"),
      element("p", { class: "actions" }, button("Try again", show)),
    ]);
    tell(error);
  }
}

/** Puts a view in place of the last one. The focus goes to its heading, which screen readers then read. */
function put(content: readonly Node[]): void {
  status.textContent = "";
  main.replaceChildren(...content);
  const heading = main.querySelector("h1");
  document.title = `${heading?.textContent ?? "Registry"} · sluice`;
  heading?.focus();
}

/** Says what went wrong; who could do it after signing in may sign in. */
function tell(error: unknown): void {
  if (error instanceof RefusedError && error.status === 401 && registry.account === undefined) askToSignIn();
  else problem.textContent = error instanceof Error ? error.message : String(error);
}

function askToSignIn(): void {
  problem.textContent = "";
  put(
    signInForm(
      registry,
      () => void show(),
      (error) => tellRefused(error),
    ),
  );
  main.querySelector("input")?.focus();
}

function tellRefused(error: unknown): void {
  problem.textContent = error instanceof Error ? error.message : String(error);
}

function showAccount(): void {
  account.replaceChildren(
    ...(registry.account === undefined
      ? [button("Sign in", async () => askToSignIn())]
      : [element("span", {}, registry.account), button("Sign out", signOut)]),
  );
}

async function signOut(): Promise<void> {
  registry.signOut();
  await show();
}

function markCurrent(view: string): void {
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

addEventListener("hashchange", () => void show());
void show();
