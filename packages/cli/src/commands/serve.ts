import { Command, InvalidArgumentError, Option } from "commander";
import { addressRangeProblem, isAddressRange } from "../config/address-range.js";
import { booleanAt, numberAt, sharedStorage, textAt, textsAt } from "../config/serve-settings.js";
import { upstreamSettings } from "../config/upstream-settings.js";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { untilStopped } from "../until-stopped.js";
import { examples, type Runner } from "../verb.js";
import { addBackupVerbs } from "./backup.js";
import { conversionsAt, conversionsConfig } from "./worker.js";

interface ServeOptions {
  readonly listen?: string;
  readonly anonymous?: "none" | "read";
  readonly allowOpen?: boolean;
  readonly accessLog?: boolean;
  readonly publicUrl?: string;
  readonly trustedProxies?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly conversions?: number;
  readonly upstream?: readonly string[];
  readonly upstreamPoll?: string;
}

const defaultListen = "127.0.0.1:5000";

/** `sluice serve`: the registry service, in the foreground, until Ctrl-C or SIGTERM. */
export function serveCommand(run: Runner): Command {
  const command = new Command("serve")
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
    .option("--access-log", "a line in the log for each request, as JSON")
    .option("--public-url <url>", "as clients reach the registry when something stands in front of it")
    .option(
      "--trusted-proxies <list>",
      "proxies in front, whose X-Forwarded-For says who the client is: addresses and ranges, such as 10.0.0.0/8,::1",
      addressRangesAt,
    )
    .option("--tls-cert <file>", "PEM; read again when it changes, at once at SIGHUP")
    .option("--tls-key <file>", "PEM")
    .option(
      "--conversions <n>",
      "at once in this process; 0 leaves them to `sluice worker` (default: 1)",
      conversionsAt,
    )
    .option(
      "--upstream <prefix=host...>",
      "convert the images of another registry where they are; its repositories are PREFIX/REPOSITORY here",
    )
    .option("--upstream-poll <duration>", "how often its active repositories are looked at (default: 60s)")
    .addHelpText(
      "after",
      examples(
        "sluice serve --listen 127.0.0.1:5000",
        "sluice serve --listen 127.0.0.1:0 -o json",
        "sluice serve --upstream hub=registry.example.com",
      ),
    )
    .action(run(serve));
  addBackupVerbs(command, run);
  return command;
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
    accessLog: options.accessLog ?? booleanAt(context, ["accessLog"]),
    publicUrl: options.publicUrl ?? configured("publicUrl"),
    trustedProxies: options.trustedProxies ?? textsAt(context, ["trustedProxies"]),
    shared: sharedStorage(context),
    ...(await upstreamSettings(context, options.upstream, options.upstreamPoll)),
    streaming: booleanAt(context, ["streaming"]),
    conversions: conversionsConfig(options.conversions ?? numberAt(context, ["conversions"])),
    ...(certificate !== undefined && key !== undefined && { tls: { certificate, key } }),
  });
  using _reload = context.surroundings.onReload(() => void server.reload());
  context.output.result({ url: server.url }, ({ url }) => url);
  await untilStopped(context.signal);
}

function addressRangesAt(text: string): readonly string[] {
  const ranges = text.split(",");
  for (const range of ranges) {
    if (!isAddressRange(range)) throw new InvalidArgumentError(`${range}: ${addressRangeProblem}`);
  }
  return ranges;
}
