/** What an image's config says about its process: the fields of the OCI image specification (config.md) that `run` uses. */
export interface ImageProcessConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=value` */
  readonly env: readonly string[];
  /** `user`, `uid`, `user:group`, `uid:gid` or empty */
  readonly user: string;
  readonly workingDir: string;
}

/** What the caller of `run` wants otherwise. */
export interface ProcessOverrides {
  /** Replaces the image's arguments (`cmd`), not its entrypoint. */
  readonly command: readonly string[];
  /** Replaces the entrypoint; then the image's `cmd` no longer belongs to it and is dropped. */
  readonly entrypoint?: readonly string[] | undefined;
  /** `NAME=value` sets, `NAME` takes the caller's own value or unsets. */
  readonly env: readonly string[];
  readonly workingDir?: string | undefined;
}

/** The image starts nothing by itself, and the caller named no command. */
export class NoCommandError extends Error {
  override readonly name = "NoCommandError";
  readonly code = "NO_COMMAND";
  constructor() {
    super("the image has neither entrypoint nor command: name one after --");
  }
}

/** @throws {NoCommandError} */
export function argumentsOf(image: ImageProcessConfig, overrides: ProcessOverrides): string[] {
  const entrypoint = overrides.entrypoint ?? image.entrypoint;
  const imageCommand = overrides.entrypoint ? [] : image.cmd;
  const args = [...entrypoint, ...(overrides.command.length > 0 ? overrides.command : imageCommand)];
  if (args.length === 0) throw new NoCommandError();
  return args;
}

/** Where a container without a PATH of its own looks; the same as other engines'. */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface EnvironmentSurroundings {
  readonly home: string;
  readonly hostname: string;
  /** A terminal is attached. */
  readonly terminal: boolean;
  /** The caller's own environment, for `--env NAME`. */
  readonly callerEnv: Readonly<Record<string, string | undefined>>;
}

/** The image's environment over the defaults, the caller's over both; each name once, the last wins. */
export function environmentOf(
  image: ImageProcessConfig,
  overrides: ProcessOverrides,
  around: EnvironmentSurroundings,
): string[] {
  const merged = new Map<string, string>([
    ["PATH", defaultPath],
    ["HOSTNAME", around.hostname],
    ["HOME", around.home],
  ]);
  if (around.terminal) merged.set("TERM", "xterm");
  for (const entry of image.env) {
    const [name, value] = splitEnv(entry);
    if (value !== undefined) merged.set(name, value);
  }
  for (const entry of overrides.env) {
    const [name, given] = splitEnv(entry);
    const value = given ?? around.callerEnv[name];
    if (value === undefined) merged.delete(name);
    else merged.set(name, value);
  }
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

function splitEnv(entry: string): readonly [name: string, value: string | undefined] {
  const equals = entry.indexOf("=");
  return equals < 0 ? [entry, undefined] : [entry.slice(0, equals), entry.slice(equals + 1)];
}
