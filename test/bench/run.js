// Runs a bench written in TypeScript on a Node that cannot: node test/bench/run.js chunking DIRECTORY …
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const [name, ...args] = process.argv.slice(2);
if (name === undefined) throw new Error("usage: node test/bench/run.js BENCH [ARGUMENT …]");
const config = { esbuild: { target: "node20" } }; // which has no `using`
const { module } = await runnerImport(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), config);
await module.main(args);
