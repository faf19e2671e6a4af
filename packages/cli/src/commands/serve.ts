import { Command } from "commander";
import { valueAt } from "../config/config-tree.js";
import type { Context } from "../context.js";
import { examples, type Runner } from "../verb.js";

interface ServeOptions {
  readonly listen?: string;
}

const defaultListen = "127.0.0.1:5000";

/** `sluice serve`: the registry service, in the foreground, until Ctrl-C or SIGTERM. */
export function serveCommand(run: Runner): Command {
  return new Command("serve")
    .description("the registry service; files below the data root")
    .helpGroup("Registry:")
    .option("--listen <host:port>", `where to listen; port 0 picks one (default: "${defaultListen}")`)
    .addHelpText("after", examples("sluice serve --listen 127.0.0.1:5000", "sluice serve --listen 127.0.0.1:0 -o json"))
    .action(run(serve));
}

async function serve(context: Context, options: ServeOptions): Promise<void> {
  const { createServer } = await import("@sluice/server");
  const configured = valueAt(context.settings.tree, ["serve", "listen"]);
  const listen = options.listen ?? (typeof configured === "string" ? configured : defaultListen);
  await using server = await createServer({ root: context.settings.root, listen, log: await context.log("info") });
  context.output.result({ url: server.url }, ({ url }) => url);
  await untilStopped(context.signal);
}

/** Being stopped is how a service ends: no error. */
function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
