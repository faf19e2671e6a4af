import type { Surroundings } from "../surroundings.js";
import { type FoundConfig, findConfig } from "./config-file.js";
import { type ConfigTree, merged, valueAt } from "./config-tree.js";
import { dataRootOf } from "./data-root.js";

/** What the command line, the environment and the configuration file say together, in falling priority. */
export interface Settings {
  /** Absolute path of the data root. */
  readonly root: string;
  /** Host of references that name none. */
  readonly defaultRegistry: string | undefined;
  readonly logLevel: string | undefined;
  /** The file that was read, if any. */
  readonly configPath: string | undefined;
  /** All keys that were set, validated. */
  readonly tree: ConfigTree;
  /** Who set the key at a path: a file's path, `environment`, `command line`; undefined for nobody. */
  originOf(path: readonly string[]): string | undefined;
}

/** The flags that are also keys of the configuration, and the file itself. */
export interface SettingFlags {
  readonly config?: string | undefined;
  readonly tree: ConfigTree;
}

/** @throws {UsageError} naming file and line, or the variable, of what is wrong */
export async function loadSettings(flags: SettingFlags, surroundings: Surroundings): Promise<Settings> {
  const found = await findConfig(flags.config, surroundings);
  const sources: readonly Source[] = [
    ...(found === undefined ? [] : [await sourceOfFile(found)]),
    ...(hasVariables(surroundings) ? [await sourceOfEnvironment(surroundings)] : []),
    ["command line", flags.tree],
  ];
  const tree = sources.reduce<ConfigTree>((lower, [, upper]) => merged(lower, upper), {});
  return {
    root: dataRootOf(textAt(tree, ["root"]), surroundings),
    defaultRegistry: textAt(tree, ["defaults", "registry"]),
    logLevel: textAt(tree, ["log", "level"]),
    configPath: found?.path,
    tree,
    originOf: (path) => sources.findLast(([, source]) => valueAt(source, path) !== undefined)?.[0],
  };
}

/** Settings, and who set them. */
type Source = readonly [origin: string, tree: ConfigTree];

// The schema and YAML take longer to load than a short verb to run: who configures nothing does not wait for them.

async function sourceOfFile(found: FoundConfig): Promise<Source> {
  const { configSchema } = await import("./schema.js");
  const { parseConfig } = await import("./parse-config.js");
  return [found.path, parseConfig(found, configSchema())];
}

const hasVariables = ({ environment }: Surroundings): boolean =>
  Object.keys(environment).some((name) => name.startsWith("SLUICE_"));

async function sourceOfEnvironment({ environment }: Surroundings): Promise<Source> {
  const { configSchema } = await import("./schema.js");
  const { configOfEnvironment } = await import("./environment.js");
  return ["environment", configOfEnvironment(environment, configSchema())];
}

function textAt(tree: ConfigTree, path: readonly string[]): string | undefined {
  const value = valueAt(tree, path);
  return typeof value === "string" ? value : undefined;
}
