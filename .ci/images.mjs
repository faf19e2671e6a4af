// Builds the images that the kernel tests use where they are not there yet, so that it goes on beside what needs no images.
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const source = fileURLToPath(new URL("../test/support/fixture-images.ts", import.meta.url));
const { module } = await runnerImport(source, { esbuild: { target: "node20" } });
if (module.whyNoImages === "") {
  await module.nastyImages();
  for (const name of ["nginx", "node", "postgres", "tomcat", "python"]) await module.realImage(name);
}
