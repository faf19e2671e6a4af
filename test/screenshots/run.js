// Makes the pictures of the web page in docs/images: pnpm screenshots
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const config = { esbuild: { target: "node20" } }; // which has no `using`
const { module } = await runnerImport(fileURLToPath(new URL("./main.ts", import.meta.url)), config);
await module.main();
