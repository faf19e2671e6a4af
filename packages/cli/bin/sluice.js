#!/usr/bin/env node
import { existsSync } from "node:fs";

if (existsSync(new URL("../dist/index.js", import.meta.url))) {
  const { main } = await import("../dist/index.js");
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write("sluice: this checkout is not built; run `pnpm install && pnpm build` in it first\n");
  process.exitCode = 1;
}
