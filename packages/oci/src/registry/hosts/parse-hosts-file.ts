import { resolve } from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";
import { parseGoDuration } from "./go-duration.js";
import { type HostCapability, type HostRoutes, type HostSettings, placeOf, plainServer } from "./host-settings.js";
import { InvalidHostsFileError } from "./invalid-hosts-file-error.js";

/** More is no list that a person wrote. */
const maxHosts = 64;

const path = z.string().min(1).max(4096);
// RFC 9110 §5: names are tokens, values hold no control characters.
const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/, "not the name of a header");
const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]{0,8192}$/, "holds characters that no header may hold");

const hostSchema = z.object({
  capabilities: z.array(z.string()).max(16).optional(),
  ca: z.union([path, z.array(path).max(64)]).optional(),
  client: z.union([path, z.array(z.union([path, z.tuple([path, path])])).max(64)]).optional(),
  skip_verify: z.boolean().optional(),
  header: z.record(headerName, z.union([headerValue, z.array(headerValue).max(16)])).optional(),
  override_path: z.boolean().optional(),
  dial_timeout: z.string().optional(),
});
const fileSchema = hostSchema.extend({
  server: z.string().max(2048).optional(),
  host: z.record(z.string().min(1).max(2048), hostSchema).optional(),
});

type Host = z.infer<typeof hostSchema>;

/**
 * The routes in a `hosts.toml` of containerd (docs/hosts.md in its repository). Keys that it does not know are passed over, as containerd does.
 *
 * @param file its absolute path, for messages and for relative paths in it
 * @throws {InvalidHostsFileError}
 */
export function parseHostsFile(text: string, file: string): HostRoutes {
  const parsed = fileSchema.safeParse(documentOf(text, file));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InvalidHostsFileError(file, `${issue?.path.join(".")}: ${issue?.message}`);
  }
  const { host = {}, server = "", ...root } = parsed.data;
  // In the order of the file: keys of a table keep it.
  const hosts = Object.entries(host);
  if (hosts.length > maxHosts) throw new InvalidHostsFileError(file, `more than ${maxHosts} hosts`);
  return {
    mirrors: hosts.map(([address, settings]) => settingsOf(address, settings, file)),
    server: settingsOf(server, root, file),
  };
}

function documentOf(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    const [firstLine] = (error instanceof Error ? error.message : String(error)).split("\n");
    const line = error instanceof Error && "line" in error ? ` (line ${error.line})` : "";
    throw new InvalidHostsFileError(file, `${firstLine}${line}`, { cause: error });
  }
}

function settingsOf(address: string, host: Host, file: string): HostSettings {
  const isAddress = address === "" || URL.canParse(/^https?:\/\//i.test(address) ? address : `https://${address}`);
  if (!isAddress) throw new InvalidHostsFileError(file, `${JSON.stringify(address)} is not the address of a host`);
  const place = address === "" ? plainServer : placeOf(address, host.override_path === true);
  return {
    origin: place.origin,
    apiPath: place.apiPath,
    capabilities: capabilitiesOf(host, file),
    caFiles: listOf(host.ca).map((name) => resolve(file, "..", name)),
    clientFiles: listOf(host.client).map((pair) => {
      const [certificate, key] = typeof pair === "string" ? [pair] : pair;
      return [resolve(file, "..", certificate), key === undefined ? undefined : resolve(file, "..", key)];
    }),
    skipVerify: host.skip_verify,
    headers: Object.fromEntries(
      Object.entries(host.header ?? {}).map(([name, value]) => [name.toLowerCase(), listOf(value).join(", ")]),
    ),
    dialTimeoutMs: dialTimeoutOf(host, file),
  };
}

function capabilitiesOf({ capabilities = [] }: Host, file: string): ReadonlySet<HostCapability> {
  if (capabilities.length === 0) return plainServer.capabilities;
  const named = capabilities.map((text) => text.toLowerCase());
  const isCapability = (text: string): text is HostCapability => plainServer.capabilities.has(text as HostCapability); // asked on the same line
  const unknown = named.find((text) => !isCapability(text));
  if (unknown !== undefined) throw new InvalidHostsFileError(file, `unknown capability ${JSON.stringify(unknown)}`);
  return new Set(named.filter(isCapability));
}

function dialTimeoutOf({ dial_timeout: text = "" }: Host, file: string): number | undefined {
  if (text === "") return undefined;
  const ms = parseGoDuration(text);
  if (ms === undefined) {
    throw new InvalidHostsFileError(file, `dial_timeout: ${JSON.stringify(text)} is no duration such as 3s`);
  }
  return Math.ceil(ms);
}

const listOf = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : ((Array.isArray(value) ? value : [value]) as readonly T[]);
