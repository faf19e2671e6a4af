import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** A loader hook that writes the URL of each module to stderr, behind a mark. */
const hook = `
  import { writeSync } from "node:fs";
  export async function load(url, context, next) {
    writeSync(2, "loaded " + url + "\\n");
    return next(url, context);
  }`;
const registerHook = `
  import { register } from "node:module";
  register("data:text/javascript," + ${JSON.stringify(encodeURIComponent(hook))});`;

/** The libraries (`undici`) and packages of ours (`@sluice/oci`) of which a Node process with these arguments loads anything as a module. */
export async function loadedPackages(args: readonly string[], cwd: string): Promise<ReadonlySet<string>> {
  const hooked = ["--import", `data:text/javascript,${encodeURIComponent(registerHook)}`, ...args];
  const { stderr } = await promisify(execFile)(process.execPath, hooked, { cwd });
  const names = new Set<string>();
  for (const [, url = ""] of stderr.matchAll(/^loaded (\S+)$/gm)) {
    const library = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
    const ours = /\/packages\/([^/]+)\/dist\//.exec(url)?.[1];
    if (library !== undefined) names.add(library);
    else if (ours !== undefined) names.add(`@sluice/${ours}`);
  }
  return names;
}
