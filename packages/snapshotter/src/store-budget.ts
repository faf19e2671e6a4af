import { statfs } from "node:fs/promises";
import type { StoreBudget } from "./config/node-config.js";

/** A tenth of a tiny disk would hold too little to serve from. Bytes. */
const leastBytes = 64 * 2 ** 20;

/** Bytes of a budget on the disk that `folder` lies on. */
export async function budgetBytesOf(budget: StoreBudget, folder: string): Promise<number> {
  if (budget.kind === "bytes") return budget.bytes;
  const { blocks, bsize } = await statfs(folder);
  return Math.max(leastBytes, Math.floor(blocks * bsize * budget.share));
}
