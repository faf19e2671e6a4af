// Tests a registry, named by OCI_ROOT_URL and OCI_NAMESPACE, against the distribution specification: node test/conformance/run.js
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const { module } = await runnerImport(fileURLToPath(new URL("./main.ts", import.meta.url)));
await module.main();
