import { resolve } from "node:path";
import type { MissingContent } from "@sluice/server";
import type { Command } from "commander";
import type { Context } from "../context.js";
import { type ExitCode, exitCodes } from "../exit-codes.js";
import { bytes } from "../output/quantities.js";
import { withApiFlags } from "../registry-api/api-flags.js";
import { type ApiFlags, callApi } from "../registry-api/registry-api.js";
import { examples, type Runner } from "../verb.js";

interface Copied {
  readonly blobs: number;
  readonly bytes: number;
  readonly reusedBlobs: number;
}

/** Adds `backup` and `restore` to `sluice serve`. */
export function addBackupVerbs(serve: Command, run: Runner): void {
  withApiFlags(serve.command("backup").argument("<dir>"))
    .description(
      "back up the registry below the data root, while it serves (asked by --registry) or not; a folder with a backup gets what is new",
    )
    .option("--verify", "read the blobs of earlier backups, too, and copy those anew that are damaged")
    .addHelpText("after", examples("sluice serve backup /backup/registry --root /var/lib/sluice"))
    .action(run(backup));
  serve
    .command("restore")
    .argument("<dir>")
    .description("make a registry of a backup, below a data root that has none")
    .addHelpText("after", examples("sluice serve restore /backup/registry --root /var/lib/sluice"))
    .action(run(restore));
}

async function backup(
  context: Context,
  flags: ApiFlags & { readonly verify?: boolean },
  folder: string,
): Promise<void> {
  const { backUp } = await import("@sluice/server");
  const copied = await backUp({
    root: context.settings.root,
    folder: resolve(context.surroundings.workingFolder, folder),
    takeSnapshot: async () => (await callApi<{ name: string }>(context, flags, "POST", "/snapshots", {})).name,
    verify: flags.verify,
    signal: context.signal,
  });
  context.output.result({ folder, ...copied }, textOf);
}

async function restore(context: Context, _flags: object, folder: string): Promise<ExitCode> {
  const { restoreBackup } = await import("@sluice/server");
  const copied = await restoreBackup({
    root: context.settings.root,
    folder: resolve(context.surroundings.workingFolder, folder),
    signal: context.signal,
  });
  context.output.result({ root: context.settings.root, ...copied }, (done) =>
    [textOf(done), ...copied.missing.map(missingText)].join("\n"),
  );
  return copied.damagedBlobs === 0 && copied.missing.length === 0 ? exitCodes.done : exitCodes.failed;
}

const missingText = ({ blob, manifest, repository }: MissingContent): string =>
  `${repository}@${manifest} lacks blob ${blob}: push that image again, or delete it`;

const textOf = ({ blobs, bytes: copiedBytes, reusedBlobs }: Copied): string =>
  `${blobs} blobs copied (${bytes(copiedBytes)}), ${reusedBlobs} were there`;
