import { Command } from "commander";
import type { Context } from "../context.js";
import { exitCodes } from "../exit-codes.js";
import { startedDaemon } from "../node/node-daemon.js";
import { bytes } from "../output/quantities.js";
import { facts } from "../output/table.js";
import { examples, type Runner } from "../verb.js";

/** `sluice store`: the chunks that this node keeps. */
export function storeCommand(run: Runner): Command {
  const store = new Command("store").description("the chunks that this node keeps").helpGroup("Node:");
  store
    .command("df")
    .description("how much is used of the budget")
    .addHelpText("after", examples("sluice store df"))
    .action(run(showUse));
  store
    .command("gc")
    .description("remove what nothing needs")
    .addHelpText("after", examples("sluice store gc"))
    .action(run(collect));
  store
    .command("scrub")
    .description("check every stored chunk; what is damaged is fetched again when it is read")
    .addHelpText("after", examples("sluice store scrub"))
    .action(run(scrub));
  return store.addHelpText("after", examples("sluice store df", "sluice store gc", "sluice store scrub"));
}

async function showUse(context: Context): Promise<void> {
  const daemon = await startedDaemon(context);
  context.output.result(await daemon.storeUse({ signal: context.signal }), (use) =>
    facts([
      ["used", `${bytes(use.bytes)} of ${bytes(use.budgetBytes)}`],
      ["chunks", use.chunks],
      ["evicted", use.evictions],
      ["damaged", use.damaged],
      ["healed", use.healed],
      ["not keeping", use.degraded],
    ]),
  );
}

async function collect(context: Context): Promise<void> {
  const daemon = await startedDaemon(context);
  context.output.result(
    await daemon.storeGc({ signal: context.signal }),
    ({ freedBytes, removedDisks }) => `${bytes(freedBytes)} freed, ${removedDisks} images forgotten`,
  );
}

async function scrub(context: Context): Promise<number> {
  const daemon = await startedDaemon(context);
  const found = await daemon.storeScrub({ signal: context.signal });
  context.output.result(found, ({ checkedChunks, checkedBytes, damaged }) =>
    [`${checkedChunks} chunks (${bytes(checkedBytes)}) checked, ${damaged.length} damaged`, ...damaged].join("\n"),
  );
  return found.damaged.length === 0 ? exitCodes.done : exitCodes.failed;
}
