import { readCertsDirectory } from "./certs-directory.js";
import { type HostRoutes, plainMirror, plainServer } from "./host-settings.js";

/** Who is asked for which registry. */
export interface HostRouting {
  /** Asked again every few seconds; undefined: the registry itself. Never rejects. */
  readonly routesOf: (host: string) => Promise<HostRoutes | undefined>;
  /** A setting that cannot be used, and is left aside. */
  readonly onProblem: (error: Error) => void;
  /** A mirror did not give what it was asked for; the next one is asked. */
  readonly onMirrorFailed: (mirror: string, error: unknown) => void;
}

export interface HostRoutingOptions {
  /** containerd's `certs.d`. */
  readonly certsDirectory?: string | undefined;
  /** By registry host: addresses that are asked before those of the directory. `*` stands for every registry that has none of its own. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly onProblem?: ((error: Error) => void) | undefined;
  readonly onMirrorFailed?: ((mirror: string, error: unknown) => void) | undefined;
}

/** Routes from settings and from containerd's folder, read anew at each question. */
export function hostRouting(options: HostRoutingOptions): HostRouting {
  const { certsDirectory, mirrors = {} } = options;
  const onProblem = onceEach(options.onProblem ?? (() => undefined));
  return {
    onProblem,
    onMirrorFailed: options.onMirrorFailed ?? (() => undefined),
    routesOf: async (host) => {
      const own = (mirrors[host] ?? mirrors["*"] ?? []).map(plainMirror);
      const found = await foundIn(certsDirectory, host, onProblem);
      if (own.length === 0) return found;
      return { mirrors: [...own, ...(found?.mirrors ?? [])], server: found?.server ?? plainServer };
    },
  };
}

async function foundIn(
  directory: string | undefined,
  host: string,
  onProblem: (error: Error) => void,
): Promise<HostRoutes | undefined> {
  if (directory === undefined) return undefined;
  try {
    return await readCertsDirectory(directory, host, onProblem);
  } catch (error) {
    onProblem(error instanceof Error ? error : new Error(String(error)));
    return undefined;
  }
}

const maxToldProblems = 100;

/** The same problem is told once, not every few seconds. */
function onceEach(tell: (error: Error) => void): (error: Error) => void {
  const told = new Set<string>();
  return (error) => {
    if (told.has(error.message) || told.size >= maxToldProblems) return;
    told.add(error.message);
    tell(error);
  };
}
