import { runKeeper } from "./keeper.js";
import type { KeeperPlan } from "./keeper-plan.js";

// The entry of the keeper's own process.

const plan = JSON.parse(process.argv[2] ?? "") as KeeperPlan; // start-keeper.ts gives nothing else
process.exit(await runKeeper(plan));
