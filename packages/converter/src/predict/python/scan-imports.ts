/** One import statement. `import a.b` has names `["a.b"]`; `from .a import b, c` has level 1, module `a` and names `["b", "c"]`. */
export interface PythonImport {
  /** Leading dots of `from`; -1 for `import`. */
  readonly level: number;
  readonly module: string;
  readonly names: readonly string[];
  /** It stands in an `except` block: for when the import before it failed. */
  readonly isFallback: boolean;
}

const maxImports = 5000;
const maxStatementChars = 64 * 1024;
const fromStatement = /^from\s+(?:([\w.]+)\s+import\b|(\.+)import\b)(.+)$/s;
const plainStatement = /^import\s+(.+)$/s;

/**
 * The imports that running a module executes: those outside of functions, and outside of `if TYPE_CHECKING`. It goes by lines and indents as Python does, but weighs no
 * conditions: all branches of `if` and `try` count.
 */
export function scanPythonImports(text: string): readonly PythonImport[] {
  const imports: PythonImport[] = [];
  if (!text.includes("import")) return imports;
  const functions = new Block(/^(async\s+def|def|if\s+(typing\.|t\.)?TYPE_CHECKING|if\s+__name__)\b/);
  const fallbacks = new Block(/^except\b/);
  for (const line of logicalLines(text)) {
    if (imports.length >= maxImports) break;
    const trimmed = line.trim();
    if (trimmed === "") continue;
    const indent = line.length - line.trimStart().length;
    const isInFunction = functions.holds(indent, trimmed);
    const isFallback = fallbacks.holds(indent, trimmed);
    if (!isInFunction) addImports(trimmed, isFallback, imports);
  }
  return imports;
}

/** The blocks whose first lines match: what is indented more than such a line, up to the next that is not. */
class Block {
  readonly #head: RegExp;
  #indent: number = Number.POSITIVE_INFINITY;

  constructor(head: RegExp) {
    this.#head = head;
  }

  /** Whether the next line is in such a block. */
  holds(indent: number, line: string): boolean {
    if (indent > this.#indent) return true;
    this.#indent = this.#head.test(line) ? indent : Number.POSITIVE_INFINITY;
    return false;
  }
}

function addImports(line: string, isFallback: boolean, imports: PythonImport[]): void {
  if (!line.includes("import") || line.length > maxStatementChars) return;
  // `try: import x` and `import a; import b` stand on one line.
  for (const part of line.split(/;|:(?=\s)/)) {
    const [, module, dots, from] = fromStatement.exec(part.trim()) ?? [];
    const [, plain] = plainStatement.exec(part.trim()) ?? [];
    const source = module ?? dots ?? "";
    const level = source.length - source.replace(/^\.+/, "").length;
    if (from !== undefined) imports.push({ level, module: source.slice(level), names: namesOf(from), isFallback });
    else if (plain !== undefined) imports.push({ level: -1, module: "", names: namesOf(plain), isFallback });
  }
}

const namesOf = (list: string): string[] =>
  list
    .replace(/[()\\]/g, " ")
    .split(",")
    .map((name) => name.trim().split(/\s+/)[0] ?? "")
    .filter((name) => name !== "");

/** Lines without strings and comments, those in brackets and those that end in a backslash joined. */
function* logicalLines(text: string): Generator<string> {
  const token = /"""|'''|["']|#[^\n]*|\\\r?\n|\n|[([{]|[)\]}]/g;
  let line = "";
  let from = 0;
  let depth = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found] = match;
    if (line.length < maxStatementChars) line += text.slice(from, match.index);
    if (found === '"""' || found === "'''") token.lastIndex = endOfLong(text, token.lastIndex, found);
    else if (found === '"' || found === "'") token.lastIndex = endOfShort(text, token.lastIndex, found);
    from = token.lastIndex;
    depth = Math.max(0, depth + depthChange(found));
    if (found === "\n" && depth === 0) {
      yield line;
      line = "";
    } else line += standsFor(found);
  }
  yield line + text.slice(from);
}

const depthChange = (token: string): number => {
  if (token.length !== 1) return 0;
  return "([{".includes(token) ? 1 : ")]}".includes(token) ? -1 : 0;
};

/** What is left of a token in the line: brackets; of a string that it was there. */
function standsFor(token: string): string {
  if (token.startsWith("#")) return "";
  if (token.startsWith('"') || token.startsWith("'")) return '""';
  return token.length === 1 && token !== "\n" ? token : " ";
}

/** Behind the quote that ends a string, or at the end of its line. No regular expression: those need stack for every character of a string. */
function endOfShort(text: string, start: number, quote: string): number {
  const last = quote.charCodeAt(0);
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5c) at++;
    else if (code === last) return at + 1;
    else if (code === 0x0a) return at;
  }
  return text.length;
}

/** Behind the quotes that end a long string. */
function endOfLong(text: string, start: number, quotes: string): number {
  for (let at = text.indexOf(quotes, start); at !== -1; at = text.indexOf(quotes, at + 1)) {
    let backslashes = 0;
    while (backslashes < at - start && text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return at + 3;
  }
  return text.length;
}
