import type { SharedStorage } from "@sluice/server";
import { Command, Option } from "commander";
import { valueAt } from "../config/config-tree.js";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { examples, type Runner } from "../verb.js";

interface ServeOptions {
  readonly listen?: string;
  readonly anonymous?: "none" | "read";
  readonly allowOpen?: boolean;
  readonly publicUrl?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

const defaultListen = "127.0.0.1:5000";

/** `sluice serve`: the registry service, in the foreground, until Ctrl-C or SIGTERM. */
export function serveCommand(run: Runner): Command {
  return new Command("serve")
    .description("the registry service; files below the data root")
    .helpGroup("Registry:")
    .option("--listen <host:port>", `where to listen; port 0 picks one (default: "${defaultListen}")`)
    .addOption(
      new Option(
        "--anonymous <what>",
        "what they may do who do not log in, once there are accounts (default: none)",
      ).choices(["none", "read"]),
    )
    .option("--allow-open", "serve everybody everything beyond this machine, too, while there are no accounts")
    .option("--public-url <url>", "as clients reach the registry when something stands in front of it")
    .option("--tls-cert <file>", "PEM; read again when it changes")
    .option("--tls-key <file>", "PEM")
    .addHelpText("after", examples("sluice serve --listen 127.0.0.1:5000", "sluice serve --listen 127.0.0.1:0 -o json"))
    .action(run(serve));
}

async function serve(context: Context, options: ServeOptions): Promise<void> {
  const { createServer } = await import("@sluice/server");
  const configured = (...path: readonly string[]): string | undefined => textAt(context, path);
  const certificate = options.tlsCert ?? configured("tls", "certificate");
  const key = options.tlsKey ?? configured("tls", "key");
  if ((certificate === undefined) !== (key === undefined))
    throw new UsageError("TLS needs both --tls-cert and --tls-key");
  await using server = await createServer({
    root: context.settings.root,
    listen: options.listen ?? configured("listen") ?? defaultListen,
    log: await context.log("info"),
    anonymous: options.anonymous ?? (configured("anonymous") === "read" ? "read" : "none"),
    allowOpen: options.allowOpen ?? booleanAt(context, ["allowOpen"]),
    allowPrivate: booleanAt(context, ["outgoing", "allowPrivate"]),
    publicUrl: options.publicUrl ?? configured("publicUrl"),
    shared: sharedStorage(context),
    ...(certificate !== undefined && key !== undefined && { tls: { certificate, key } }),
  });
  context.output.result({ url: server.url }, ({ url }) => url);
  await untilStopped(context.signal);
}

/** The configuration was checked when it was read: both parts are there, or neither. */
function sharedStorage(context: Context): SharedStorage | undefined {
  const postgres = textAt(context, ["storage", "postgres"]);
  const bucket = textAt(context, ["storage", "s3", "bucket"]);
  if (postgres === undefined || bucket === undefined) return undefined;
  const s3 = (key: string): string | undefined => textAt(context, ["storage", "s3", key]);
  return { postgres, s3: { bucket, prefix: s3("prefix"), endpoint: s3("endpoint"), region: s3("region") } };
}

function textAt(context: Context, path: readonly string[]): string | undefined {
  const value = valueAt(context.settings.tree, ["serve", ...path]);
  return typeof value === "string" ? value : undefined;
}

function booleanAt(context: Context, path: readonly string[]): boolean | undefined {
  const value = valueAt(context.settings.tree, ["serve", ...path]);
  return typeof value === "boolean" ? value : undefined;
}

/** Being stopped is how a service ends: no error. */
function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
