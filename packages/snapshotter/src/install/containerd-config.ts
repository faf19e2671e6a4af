import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { parse } from "smol-toml";
import { isErrno } from "../state/errno.js";
import { isMarked, type WantedElement, type WantedKey, withKeys, withoutMarked } from "./marked-lines.js";
import { snapshotterName } from "./snapshotter-name.js";
import { unpackConfigs, unpackConfigTable } from "./transfer-config.js";

/** containerd's configuration is not such that we can change it and be sure of what we did. */
export class ContainerdConfigError extends Error {
  override readonly name = "ContainerdConfigError";
  readonly code = "CONTAINERD_CONFIG";
}

/** Where containerd finds us. */
export interface SnapshotterPlace {
  /** Of the socket. */
  readonly address: string;
  /** What images take is on the file system of this folder. */
  readonly dataRoot: string;
}

/** A real one is a few hundred lines. Characters. */
const maxConfigLength = 1024 * 1024;

type Table = { readonly [key: string]: unknown };
const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);

/**
 * containerd's configuration with our snapshotter as the one of CRI: of version 2 (containerd 1.6 and 1.7), 3 and 4 (2.x). Everything else stays as it is,
 * comments and form included; doing it twice does nothing more. {@link withoutSnapshotter} undoes it byte for byte.
 *
 * @param text undefined when there is no file
 * @throws {ContainerdConfigError} naming `file` and the lines to add by hand
 */
export function withSnapshotter(text: string | undefined, place: SnapshotterPlace, file: string): string {
  const original = withoutMarked(text ?? "");
  if (original.length > maxConfigLength)
    throw new ContainerdConfigError(`${file}: larger than ${maxConfigLength} bytes`);
  const before = parsed(original, file);
  const isEmpty = Object.keys(before).length === 0;
  const wanted = wantedKeys(isEmpty ? 2 : versionOf(before, file), place);
  const unpacking = unpackConfigs(valueAt(before, unpackConfigTable), original);
  // A file without a version would be read as version 1.
  const changed = isEmpty
    ? `${withKeys(original, [])}${newFile(original, wanted, unpacking)}`
    : withKeys(original, wanted, unpacking);
  const meant = meantBy(isEmpty ? { version: 2 } : before, wanted, unpacking);
  if (!isDeepStrictEqual(plain(tryParse(changed)), plain(meant)) || withoutMarked(changed) !== original) {
    throw new ContainerdConfigError(
      `${file}: written in a form that is not changed safely. Add by hand: ${[
        ...wanted.map(({ table, key, value }) => `[${table.join(".")}] ${key} = ${value}`),
        ...unpacking.map(
          ({ array, values }) =>
            `[[${array.join(".")}]] ${Object.entries(values)
              .map((entry) => entry.join(" = "))
              .join(", ")}`,
        ),
      ].join("; ")}`,
    );
  }
  return changed;
}

/** The configuration as it was before {@link withSnapshotter}; undefined when then nothing is left of the file. */
export function withoutSnapshotter(text: string): string | undefined {
  const original = withoutMarked(text);
  return original === "" && isMarked(text) ? undefined : original;
}

/** What the configuration says of our snapshotter. */
export interface SnapshotterSetting {
  readonly address: string | undefined;
  /** Whether CRI uses it. */
  readonly isDefault: boolean;
  /** Whether containerd tells snapshotters which image they prepare. */
  readonly hasAnnotations: boolean;
}

/** @throws {ContainerdConfigError} */
export function snapshotterSettingOf(text: string, file: string): SnapshotterSetting {
  const tree = parsed(text, file);
  const cri = valueAt(tree, Number(tree["version"]) >= 3 ? imagesTable : criTable);
  const proxy = valueAt(tree, ["proxy_plugins", snapshotterName]);
  return {
    address: isTable(proxy) && typeof proxy["address"] === "string" ? proxy["address"] : undefined,
    isDefault: isTable(cri) && cri["snapshotter"] === snapshotterName,
    hasAnnotations: isTable(cri) && cri["disable_snapshot_annotations"] === false,
  };
}

/** The folder of containerd itself. @throws {ContainerdConfigError} */
export function containerdRootOf(text: string | undefined, file: string): string {
  const { root } = parsed(text ?? "", file);
  return typeof root === "string" && root !== "" ? root : "/var/lib/containerd"; // defaults.DefaultRootDir
}

/** Whether containerd, by its configuration file, asks our snapshotter for the images of CRI. False without the file. @throws {ContainerdConfigError} */
export async function containerdUsesNode(file: string): Promise<boolean> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (text === undefined) return false;
  const { address, hasAnnotations, isDefault } = snapshotterSettingOf(text, file);
  return address !== undefined && isDefault && hasAnnotations;
}

const criTable = ["plugins", "io.containerd.grpc.v1.cri", "containerd"];
const imagesTable = ["plugins", "io.containerd.cri.v1.images"];

function wantedKeys(version: number, { address, dataRoot }: SnapshotterPlace): readonly WantedKey[] {
  // containerd 2 takes over the keys of version 2 only from a file that names runtimes; containerd 1 passes over tables of plugins that it does not have.
  const tables = version === 2 ? [criTable, imagesTable] : [imagesTable];
  const proxy = ["proxy_plugins", snapshotterName];
  return [
    ...tables.flatMap((table) => [
      { table, key: "snapshotter", value: JSON.stringify(snapshotterName) },
      { table, key: "disable_snapshot_annotations", value: "false" },
    ]),
    { table: proxy, key: "type", value: '"snapshot"' },
    { table: proxy, key: "address", value: JSON.stringify(address) },
    // The transfer service of containerd 2 tells a snapshotter of which image a layer is where it says so. Not `capabilities = ["rebase"]`: layers would be prepared
    // without what they stand on, and a streamed layer is one with all that is below it.
    { table: [...proxy, "exports"], key: "enable_remote_snapshot_annotations", value: '"true"' },
    // What the kubelet is told of the file system of images, and looks for: containerd 2. See link-folder.ts for the others.
    { table: [...proxy, "exports"], key: "root", value: JSON.stringify(dataRoot) },
  ];
}

const readValue = (toml: string): unknown => parse(`it = ${toml}`)["it"];

/** What the file must come to mean. */
function meantBy(before: Table, wanted: readonly WantedKey[], elements: readonly WantedElement[]): Table {
  const withKeysSet = wanted.reduce<Table>(
    (tree, { table, key, value }) => withValue(tree, [...table, key], readValue(value)),
    before,
  );
  return elements.reduce<Table>((tree, { array, values }) => {
    const others = valueAt(tree, array);
    const element = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, readValue(value)]));
    return withValue(tree, array, [...(Array.isArray(others) ? others : []), element]);
  }, withKeysSet);
}

function newFile(original: string, wanted: readonly WantedKey[], elements: readonly WantedElement[]): string {
  const block = withKeys("", wanted, elements);
  const [marker = "", ...rest] = block.split("\n");
  const isOpen = original !== "" && !original.endsWith("\n");
  return `${isOpen ? "\n" : ""}${marker}${isOpen ? " (no newline before)" : ""}\nversion = 2\n\n${rest.join("\n")}`;
}

function versionOf(tree: Table, file: string): number {
  const version = tree["version"];
  if (version === 2 || version === 3 || version === 4) return version;
  throw new ContainerdConfigError(
    `${file}: version ${JSON.stringify(version ?? 1)} of containerd's configuration is not known here, 2 to 4 are. Convert it with \`containerd config migrate\`, then install again`,
  );
}

function parsed(text: string, file: string): Table {
  try {
    return parse(text);
  } catch (error) {
    const [line] = String(error instanceof Error ? error.message : error).split("\n");
    throw new ContainerdConfigError(`${file}: ${line}. Correct the file; containerd cannot read it either`, {
      cause: error,
    });
  }
}

function tryParse(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

function valueAt(tree: Table, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => (isTable(at) ? at[key] : undefined), tree);
}

function withValue(tree: Table, path: readonly string[], value: unknown): Table {
  const [key = "", ...rest] = path;
  const below = tree[key];
  return { ...tree, [key]: rest.length === 0 ? value : withValue(isTable(below) ? below : {}, rest, value) };
}

/** Without the prototypes and dates of the parser. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));
