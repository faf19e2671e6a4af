import { parse } from "smol-toml";

/*
 * Our lines in somebody else's TOML file, marked so that they can be taken out again and nothing is left: whole lines between two markers, and lines that stand
 * in place of one that is kept, as a comment, right above.
 */

const begin = "# >>> sluice node install; `sluice node uninstall` takes this out";
const end = "# <<< sluice node install";
/** The text in front had no newline at its end. */
const withoutNewline = " (no newline before)";
const was = "# sluice node install was: ";
const replaced = " # sluice node install";

/** A key of a table and the TOML of its value. */
export interface WantedKey {
  readonly table: readonly string[];
  readonly key: string;
  /** As TOML, on one line. */
  readonly value: string;
}

/** One more table of an array of tables. */
export interface WantedElement {
  readonly array: readonly string[];
  /** The TOML of its values, each on one line. */
  readonly values: Readonly<Record<string, string>>;
}

/** Whether lines of ours are in a text. */
export const isMarked = (text: string): boolean => text.includes(begin) || text.includes(was);

/**
 * `text` with these keys set: in place where the key stands on a line of its own, below its table's header where it does not, in tables at the end where there
 * is none; elements of arrays of tables follow at the end. Looks at lines, so the caller must check what the result means. {@link withoutMarked} gives `text` back, byte for byte.
 */
export function withKeys(text: string, wanted: readonly WantedKey[], elements: readonly WantedElement[] = []): string {
  const lines = linesOf(text);
  const missing: WantedKey[] = [];
  for (const one of wanted) {
    const header = lines.findIndex((line) => isSamePath(headerOf(line), one.table));
    if (header < 0) missing.push(one);
    else setIn(lines, header, one);
  }
  return lines.join("") + tablesAtEnd(missing, elements, text);
}

/** `text` as it was before {@link withKeys}, with whatever others changed in between. */
export function withoutMarked(text: string): string {
  const lines = linesOf(text);
  const kept: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? "";
    if (line.startsWith(begin)) {
      if (line.includes(withoutNewline)) kept.push(withoutEnd(kept.pop() ?? ""));
      const last = lines.findIndex((other, index) => index > at && other.startsWith(end));
      at = last < 0 ? lines.length : last + 1;
    } else if (line.trimStart().startsWith(was)) {
      const { original, count } = originalOf(line, lines[at + 1] ?? "");
      kept.push(original);
      at += count;
    } else {
      kept.push(line);
      at++;
    }
  }
  return kept.join("");
}

const withoutEnd = (line: string): string => line.replace(/\n$/, "");

/** The line that a comment of ours keeps, and how many lines stand for it: one when somebody took out the one in its place. */
function originalOf(comment: string, ours: string): { readonly original: string; readonly count: number } {
  const original = comment.slice(comment.indexOf(was) + was.length);
  if (!ours.trimEnd().endsWith(replaced)) return { original, count: 1 };
  return { original: ours.endsWith("\n") ? original : withoutEnd(original), count: 2 };
}

const linesOf = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

function setIn(lines: string[], header: number, { key, value }: WantedKey): void {
  const next = lines.findIndex((line, at) => at > header && headerOf(line) !== undefined);
  const isKey = new RegExp(`^\\s*(?:${key}|"${key}"|'${key}')\\s*=`);
  const at = lines.findIndex((line, index) => index > header && (next < 0 || index < next) && isKey.test(line));
  const own = `${key} = ${value}`;
  if (at < 0) {
    const above = lines[header] ?? "";
    const mark = above.endsWith("\n") ? begin : begin + withoutNewline;
    lines[header] = above.endsWith("\n") ? above : `${above}\n`;
    lines.splice(header + 1, 0, `${mark}\n`, `${own}\n`, `${end}\n`);
    return;
  }
  const old = lines[at] ?? "";
  const newline = old.endsWith("\n") ? "\n" : "";
  lines.splice(at, 1, `${was}${old.slice(0, old.length - newline.length)}\n`, `${own}${replaced}${newline}`);
}

function tablesAtEnd(missing: readonly WantedKey[], elements: readonly WantedElement[], text: string): string {
  if (missing.length + elements.length === 0) return "";
  const tables = new Map<string, string[]>();
  for (const { table, key, value } of missing) {
    const header = `[${pathOf(table)}]`;
    tables.set(header, [...(tables.get(header) ?? []), `${key} = ${value}`]);
  }
  const added = elements.map(({ array, values }): [string, string[]] => [
    `[[${pathOf(array)}]]`,
    Object.entries(values).map(([key, value]) => `${key} = ${value}`),
  ]);
  const body = [...tables, ...added].map(([header, keys]) => `${header}\n${keys.join("\n")}\n`).join("\n");
  const isOpen = text !== "" && !text.endsWith("\n");
  return `${isOpen ? "\n" : ""}${begin}${isOpen ? withoutNewline : ""}\n${body}${end}\n`;
}

const pathOf = (path: readonly string[]): string => path.map(quoted).join(".");
const quoted = (key: string): string => (/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key));

/** The path of a `[table]` line; undefined for any other line. */
function headerOf(line: string): readonly string[] | undefined {
  if (!/^\s*\[.*\]\s*(?:#.*)?$/.test(line.trimEnd())) return undefined;
  try {
    const path: string[] = [];
    let inner: unknown = parse(line);
    for (;;) {
      if (typeof inner !== "object" || inner === null || Array.isArray(inner)) break;
      const [entry] = Object.entries(inner);
      if (entry === undefined) break;
      path.push(entry[0]);
      inner = entry[1];
    }
    return path;
  } catch {
    return undefined; // the middle of a list
  }
}

const isSamePath = (path: readonly string[] | undefined, other: readonly string[]): boolean =>
  path !== undefined && path.length === other.length && path.every((key, at) => key === other[at]);
