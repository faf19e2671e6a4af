import type { Driver } from "../drivers/index.js";
import { clearLeftovers } from "../mounts/leftovers.js";
import type { MountJournal, MountRecord } from "../mounts/mount-journal.js";
import type { ProcessIdentity } from "../state/process-identity.js";
import type { KeptSession } from "./kept-session.js";
import { waitUntilGone } from "./previous-daemon.js";
import { type ShownRecord, TakeOver, type TakeOverParts } from "./take-over.js";

export interface EarlierLifeParts extends TakeOverParts {
  readonly journal: MountJournal;
  readonly drivers: readonly Driver[];
  readonly kept: KeptSession | undefined;
  /** Who served the data root last. */
  readonly previous: ProcessIdentity | undefined;
}

export interface EarlierLife {
  /** Of everything that was mounted, in the order it was made. */
  readonly left: readonly MountRecord[];
  /** Of these, the mounts that are there and go on. */
  readonly takenOver: readonly ShownRecord[];
}

/** How long the last threads of a daemon that was killed may take to leave the kernel, once their reads are answered. Milliseconds. */
const maxDyingMs = 5000;

/**
 * Settles what an earlier daemon of this data root left: what can go on goes on, its reads first; the rest is taken out of the tree, for its records to bring it
 * back.
 */
export async function settleEarlierLife(parts: EarlierLifeParts): Promise<EarlierLife> {
  const { paths, journal, diskStore, drivers, kept, previous, log } = parts;
  const earlier = kept?.earlier && (await TakeOver.begin(kept.earlier, parts));
  if (earlier) {
    kept?.keeper.say("serving");
    log.info({ disks: earlier.disks, ms: Math.round(performance.now()) }, "took over: reads are answered");
    const isGone = previous === undefined || (await waitUntilGone(previous, maxDyingMs));
    if (!isGone)
      log.warn({ previous }, "a daemon that was killed lingers: what it is just mounting may be mounted twice");
  }
  const { records, problems } = await journal.read();
  for (const problem of problems) log.error(problem, "a record of a mount cannot be read; look at it and remove it");
  const { targets, shown } = (await earlier?.adopt(records)) ?? { targets: new Set<string>(), shown: [] };
  const cleared = [...(await clearLeftovers(paths, targets))];
  for (const driver of drivers) cleared.push(...(await driver.recover(targets)));
  if (cleared.length > 0) log.warn({ cleared }, "mounts of a daemon that was killed were taken away");
  await diskStore.sweep();
  return { left: records, takenOver: shown };
}
