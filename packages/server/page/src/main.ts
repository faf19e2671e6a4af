import { currentAddress } from "./address.js";
import { button, element } from "./element.js";
import { RefusedError, Registry } from "./registry.js";
import type { Stage, View } from "./view.js";
import { imageView } from "./views/image.js";
import { operationsView } from "./views/operations.js";
import { repositoriesView } from "./views/repositories.js";
import { repositoryView } from "./views/repository.js";
import { signInForm } from "./views/sign-in.js";

const views: Readonly<Record<string, View>> = {
  repositories: repositoriesView,
  repository: repositoryView,
  image: imageView,
  operations: operationsView,
};

const registry = new Registry();
const main = byId("main");
const problem = byId("problem");
const status = byId("status");
const account = byId("account");
/** Ends with the view that is shown. */
let shown = new AbortController();

/** Shows what the address says. @param reason why it is shown again, if it is */
async function show(reason?: string): Promise<void> {
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
    tell,
    reload: (why = "") => {
      if (!signal.aborted) void show(why);
    },
  };
  try {
    const content = await (views[view] ?? repositoriesView)(stage);
    if (!signal.aborted) put(content, reason);
  } catch (error) {
    if (signal.aborted) return;
    put([
      element("h1", { tabindex: "-1" }, "Not shown"),
      element(
        "p",
        { class: "actions" },
        button("Try again", () => show()),
      ),
    ]);
    tell(error);
  }
}

/**
 * Puts a view in place of the last one. The focus goes to its heading, which screen readers then read; when a view comes again, only if
 * it was in what went.
 */
function put(content: readonly Node[], reason?: string): void {
  status.textContent = reason ?? "";
  main.replaceChildren(...content);
  const heading = main.querySelector("h1");
  document.title = `${heading?.textContent ?? "Registry"} · sluice`;
  if (reason === undefined || document.activeElement === document.body) heading?.focus();
}

/** Says what went wrong. Who could do it after signing in may sign in; whose password is no longer taken, again. */
function tell(error: unknown): void {
  if (!(error instanceof RefusedError && error.status === 401)) {
    say(error);
    return;
  }
  const { account: before } = registry;
  registry.signOut();
  askToSignIn();
  if (before !== undefined)
    problem.textContent = `The registry no longer takes the password of ${before}. Sign in again.`;
}

function askToSignIn(): void {
  // What the view still loads must not come in between.
  shown.abort();
  problem.textContent = "";
  showAccount();
  put(signInForm(registry, () => void show(), say));
  main.querySelector("input")?.focus();
}

function say(error: unknown): void {
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
