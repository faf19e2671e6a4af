import { SnapshotError } from "./snapshot-error.js";
import type { SnapshotRecord } from "./snapshot-record.js";

/** Whether a snapshot is one of those that were asked for. */
export type SnapshotFilter = (record: SnapshotRecord) => boolean;

/** The value of a field, undefined when there is none. */
type Field = (record: SnapshotRecord) => string | undefined;

/**
 * containerd's filters, any of which must match; none match everything. Each is a list of selectors, all of which must match: `parent==""`, `kind!=view`,
 * `labels."containerd.io/gc.root"`, `name~=/^k8s/`.
 *
 * @throws {SnapshotError} INVALID_ARGUMENT
 * @see https://github.com/containerd/containerd/blob/v2.3.4/pkg/filters/parser.go the grammar
 */
export function parseFilters(texts: readonly string[]): SnapshotFilter {
  if (texts.length === 0) return () => true;
  const filters = texts.map((text) => (text === "" ? () => true : new Parser(text).filter()));
  return (record) => filters.some((filter) => filter(record));
}

// Tokens, each at the place where the parser stands.
const spaces = /\s*/y;
const word = /[A-Za-z0-9_]+/y;
const operator = /[=!~]+/y;
const bareValue = /(?!")[^\s,]+/y;
const doubleQuoted = /"(?:[^"\\\n]|\\.)*"/y;
/** Of regular expressions only, where a backslash is the expression's. */
const otherQuoted = /\/(?:[^/\\\n]|\\.)*\/|\|(?:[^|\\\n]|\\.)*\|/y;

class Parser {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }

  filter(): SnapshotFilter {
    const selectors = [this.#selector()];
    while (this.#next(",")) selectors.push(this.#selector());
    if (this.#at < this.#text.length) throw this.#error("unexpected input");
    return (record) => selectors.every((selector) => selector(record));
  }

  #selector(): SnapshotFilter {
    const field = this.#field();
    this.#take(spaces);
    const sign = this.#take(operator);
    if (sign === undefined) return (record) => field(record) !== undefined;
    if (sign === "~=") {
      const matches = expression(this.#quoted(otherQuoted)?.slice(1, -1) ?? this.#value());
      return (record) => matches(field(record) ?? "");
    }
    const value = this.#value();
    if (sign === "==") return (record) => field(record) === value;
    if (sign === "!=") return (record) => (field(record) ?? "") !== value;
    throw this.#error(`unsupported operator ${sign}`);
  }

  #field(): Field {
    const path = [this.#name()];
    while (this.#next(".")) path.push(this.#name());
    const [first, ...rest] = path;
    switch (first) {
      case "labels":
        return label(rest.join("."));
      case "name":
        return (record) => record.name;
      case "parent":
        return (record) => record.parent;
      case "kind":
        return (record) => record.kind;
      default:
        return () => undefined;
    }
  }

  #name(): string {
    const name = this.#string() ?? this.#take(word);
    if (name === undefined) throw this.#error("expected a field");
    return name;
  }

  #value(): string {
    const value = this.#string() ?? this.#take(bareValue);
    if (value === undefined) throw this.#error("expected a value");
    return value;
  }

  /** A string as Go and JSON write it. */
  #string(): string | undefined {
    const quoted = this.#quoted(doubleQuoted);
    if (quoted === undefined) return undefined;
    try {
      return String(JSON.parse(quoted.replace(/\\x([0-9a-fA-F]{2})/g, "\\u00$1")));
    } catch {
      throw this.#error("a string that cannot be read");
    }
  }

  #quoted(pattern: RegExp): string | undefined {
    this.#take(spaces);
    return this.#take(pattern);
  }

  #next(sign: string): boolean {
    this.#take(spaces);
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #error(what: string): SnapshotError {
    const text = `${this.#text.slice(0, this.#at)} >|< ${this.#text.slice(this.#at)}`;
    return new SnapshotError("INVALID_ARGUMENT", `filter ${JSON.stringify(text)}: ${what}`);
  }
}

const label =
  (name: string): Field =>
  ({ labels }) =>
    Object.hasOwn(labels, name) ? labels[name] : undefined;

/** containerd takes an expression that cannot be read for one that matches nothing. */
function expression(source: string): (text: string) => boolean {
  try {
    const pattern = new RegExp(source, "u");
    return (text) => pattern.test(text);
  } catch {
    return () => false;
  }
}
