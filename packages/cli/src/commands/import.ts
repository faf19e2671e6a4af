import { Command } from "commander";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { startProgress } from "../output/progress.js";
import { bytes } from "../output/quantities.js";
import { readPassword } from "../registry-api/password.js";
import { registryHost, streamApi } from "../registry-api/registry-api.js";
import { examples, type Runner } from "../verb.js";

interface ImportFlags {
  readonly source: string;
  readonly image?: string;
  readonly username?: string;
  readonly password?: string;
  readonly passwordStdin?: boolean;
  readonly plainHttp?: boolean;
  readonly force?: boolean;
  readonly registryUsername?: string;
}

/** A line of the answer, see the registry's API. */
interface Line {
  readonly state: "running" | "done" | "failed";
  readonly digest: string;
  readonly manifests: number;
  readonly referrers: number;
  readonly fetchedBlobs: number;
  readonly reusedBlobs: number;
  readonly fetchedBytes: number;
  readonly expectedBytes: number;
  readonly error?: { readonly code: string; readonly message: string };
}

/** The registry gave up on an import. */
class ImportFailedError extends Error {
  override readonly name = "ImportFailedError";
  readonly code: string;
  constructor({ code, message }: NonNullable<Line["error"]>) {
    super(message);
    this.code = code;
  }
}

/** `sluice import`: the registry copies an image from another one. */
export function importCommand(run: Runner): Command {
  return new Command("import")
    .description(
      "copy an image from another registry, with all its platforms and referrers; the registry does it itself",
    )
    .helpGroup("Registry:")
    .requiredOption("--source <ref>", "HOST/REPO[:TAG][@DIGEST]")
    .option("-t, --image <repo:tag>", "the name here (default: as in the source)")
    .option("--username <name>", "of the source (default: what `docker login` keeps)")
    .option("--password <password>", "of the source; others on this machine can see it: better --password-stdin")
    .option("--password-stdin", "read the source's password from stdin")
    .option("--plain-http", "ask the source over plain HTTP")
    .option("--force", "move the tag when it is another image")
    .option("--registry-username <name>", "who imports, with SLUICE_PASSWORD (default: what `docker login` keeps)")
    .addHelpText(
      "after",
      examples("sluice import --source docker.io/library/nginx:1.27 -t web/nginx:1.27 --registry registry.example.com"),
    )
    .action(run(importImage));
}

async function importImage(context: Context, flags: ImportFlags): Promise<void> {
  const { parseReference } = await import("@sluice/oci");
  const host = registryHost(context);
  const source = parseReference(flags.source);
  if (source.kind !== "registry") throw new UsageError(`--source ${flags.source}: expected HOST/REPO[:TAG]`);
  const target = parseReference(flags.image ?? `${source.repository}:${source.tag ?? "latest"}`, {
    defaultRegistry: host,
  });
  if (target.kind !== "registry" || target.host !== host || target.digest !== undefined) {
    throw new UsageError(
      `-t ${flags.image}: expected REPO:TAG, in the registry ${host}; another one is --registry HOST`,
    );
  }
  const { repository, tag = "latest" } = target;
  const startedMs = performance.now();
  const last = await follow(context, flags, {
    source: flags.source,
    repository,
    tag,
    credentials: await sourceCredentials(context, flags, source),
    plainHttp: flags.plainHttp === true,
    force: flags.force === true,
  });
  const { state: _, error: __, ...counts } = last;
  const seconds = Math.round(performance.now() - startedMs) / 1000;
  context.output.result({ source: flags.source, repository, tag, ...counts, seconds }, (document) =>
    [
      `${host}/${repository}:${tag}@${document.digest}`,
      `${document.manifests} manifests (${document.referrers} of them referrers), ${document.fetchedBlobs} blobs fetched (${bytes(document.fetchedBytes)}), ` +
        `${document.reusedBlobs} were here`,
    ].join("\n"),
  );
}

/** @returns the last line @throws {ImportFailedError} */
async function follow(context: Context, flags: ImportFlags, body: object): Promise<Line> {
  const progress = await startProgress(context.output);
  try {
    const login = flags.registryUsername === undefined ? {} : { username: flags.registryUsername };
    for await (const line of streamApi<Line>(context, login, "/imports", body)) {
      if (line.state === "done") return line;
      if (line.error !== undefined) throw new ImportFailedError(line.error);
      const share = line.expectedBytes === 0 ? 0 : line.fetchedBytes / line.expectedBytes;
      progress.update(
        share,
        `${line.manifests} manifests, ${bytes(line.fetchedBytes)} of ${bytes(line.expectedBytes)}`,
      );
    }
  } finally {
    progress.stop();
  }
  throw new ImportFailedError({
    code: "UNEXPECTED_REPLY",
    message: "the registry's answer ended before the import did; import again, it goes on with what is there",
  });
}

async function sourceCredentials(
  context: Context,
  flags: ImportFlags,
  source: { readonly host: string; readonly repository: string },
): Promise<object | undefined> {
  if (flags.username !== undefined) {
    if (flags.passwordStdin === true) return { username: flags.username, password: await readPassword() };
    if (flags.password !== undefined) return { username: flags.username, password: flags.password };
    throw new UsageError("--username needs --password-stdin or --password");
  }
  if (flags.password !== undefined || flags.passwordStdin === true)
    throw new UsageError("a password goes with --username NAME");
  const { dockerConfigCredentials } = await import("@sluice/oci");
  const known = dockerConfigCredentials({ environment: { ...context.surroundings.environment } });
  const { credentials } = await known.find(source.host, source.repository);
  if (credentials === undefined) return undefined;
  if (credentials.kind === "identity-token") return { identityToken: credentials.token };
  return { username: credentials.username, password: credentials.password };
}
