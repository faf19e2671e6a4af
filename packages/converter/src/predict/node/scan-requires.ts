/** What a CommonJS module loads as it runs. */
export interface RequireScan {
  /** Specifiers of `require("…")` outside of functions, in order. */
  readonly specifiers: readonly string[];
  /** There is a `require` of something that is no literal, outside of functions. */
  readonly hasComputed: boolean;
  /** Specifiers of `require("…")` inside of functions, which may never run. */
  readonly deferred: readonly string[];
}

const maxNesting = 10_000;
const maxSpecifiers = 10_000;
const maxSpecifierChars = 512;
const maxWastedChars = 1024 * 1024;

const placeAfter = { other: 0, word: 1, close: 2, control: 3 } as const;
type Before = (typeof placeAfter)[keyof typeof placeAfter];

/** Words after which `/` starts a regular expression, and `(`…`)` is not the head of a function. */
const operatorWords = new Set([
  "return",
  "typeof",
  "case",
  "in",
  "of",
  "delete",
  "void",
  "instanceof",
  "new",
  "throw",
  "do",
  "else",
  "yield",
  "await",
]);
const controlWords = new Set(["if", "for", "while", "switch", "catch", "with"]);

/**
 * Finds the calls of `require` in JavaScript without parsing it: strings, templates, comments and regular expressions are told apart from code, braces of function bodies from
 * other braces. A function that is called where it stands counts as outside. Any text is scanned in one pass.
 */
export function scanRequires(text: string): RequireScan {
  return new Scanner(text).scan();
}

class Scanner {
  readonly #text: string;
  readonly #specifiers: string[] = [];
  readonly #deferred: string[] = [];
  #hasComputed = false;
  #at = 0;
  /** What stood before the place reached. */
  #before: Before = placeAfter.other;
  #word = "";
  /** The last significant characters were `=>`. */
  #isArrow = false;
  /** An arrow function without braces: what follows, up to the end of the expression, is its body. */
  #deferredDepth = -1;
  #functions = 0;
  /** Per open bracket: "{" body of a function, "b" other braces, "(" with whether it is control or a group, "[" , "`" template. */
  readonly #open: {
    readonly kind: string;
    readonly isControl: boolean;
    readonly isGroup: boolean;
    readonly runsHere: boolean;
  }[] = [];
  /** Of the bracket closed last. */
  #closed: { readonly kind: string; readonly isControl: boolean; readonly runsHere: boolean } | undefined;
  /** `function` was read with a group before it, so its body runs where it stands. */
  #functionRunsHere = false;

  /** Looked at for regular expressions that were none. */
  #wastedChars = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): RequireScan {
    const { length } = this.#text;
    const isBounded = (): boolean =>
      this.#open.length < maxNesting &&
      this.#specifiers.length < maxSpecifiers &&
      this.#wastedChars < length + maxWastedChars;
    const last = this.#text.lastIndexOf("require"); // what follows changes nothing
    while (this.#at <= last && isBounded()) this.#step();
    return { specifiers: this.#specifiers, hasComputed: this.#hasComputed, deferred: this.#deferred };
  }

  #step(): void {
    const code = this.#text.charCodeAt(this.#at);
    if (code <= 0x20) this.#skipBlanks();
    else if (isWordCode(code)) this.#readWord();
    else if (code === 0x2f) this.#readSlash();
    else if (code === 0x22 || code === 0x27) this.#skipString(code);
    else if (code === 0x60) this.#skipTemplate();
    else this.#readPunctuation(code);
  }

  #skipBlanks(): void {
    let at = this.#at + 1;
    while (this.#text.charCodeAt(at) <= 0x20) at++;
    this.#at = at;
  }

  #readWord(): void {
    const start = this.#at;
    let end = start + 1;
    while (isWordCode(this.#text.charCodeAt(end))) end++;
    this.#at = end;
    const length = end - start;
    const isMember = this.#text.charCodeAt(start - 1) === 0x2e && this.#text.charCodeAt(start - 2) !== 0x2e;
    this.#word = length <= 16 && !isMember ? this.#text.slice(start, this.#at) : "";
    if (this.#word === "function") this.#functionRunsHere = this.#isGroupBefore();
    if (this.#word === "require") this.#readRequire();
    this.#before = placeAfter.word;
    this.#isArrow = false;
  }

  /** A bracket that groups, or `!`, `+`, `void` and the like, stands before: the function there is called at once. */
  #isGroupBefore(): boolean {
    const last = this.#open.at(-1);
    return (
      this.#before === placeAfter.control || (this.#before === placeAfter.other && last?.kind === "(" && last.isGroup)
    );
  }

  #readRequire(): void {
    const call = /\s*\(\s*(?:"([^"\\\n]*)"|'([^'\\\n]*)'|`([^`\\$\n]*)`)?\s*(\))?/y;
    call.lastIndex = this.#at;
    const match = call.exec(this.#text);
    if (match === null) return;
    const specifier = match[1] ?? match[2] ?? match[3];
    const isDeferred = this.#functions > 0 || this.#isArrow || this.#deferredDepth >= 0;
    if (specifier === undefined || match[4] === undefined) {
      this.#hasComputed ||= !isDeferred;
      return;
    }
    if (specifier.length <= maxSpecifierChars) (isDeferred ? this.#deferred : this.#specifiers).push(specifier);
    this.#at = call.lastIndex - 1; // the closing bracket is read as any other
    this.#open.push({ kind: "(", isControl: false, isGroup: false, runsHere: false });
  }

  #readSlash(): void {
    const next = this.#text.charCodeAt(this.#at + 1);
    if (next === 0x2f) this.#at = endOrLength(this.#text, this.#text.indexOf("\n", this.#at), 1);
    else if (next === 0x2a) this.#at = endOrLength(this.#text, this.#text.indexOf("*/", this.#at + 2), 2);
    else if (this.#isOperandBefore()) this.#punctuation(1);
    else this.#skipRegularExpression();
  }

  #isOperandBefore(): boolean {
    if (this.#before === placeAfter.word) return !operatorWords.has(this.#word);
    return (
      this.#before === placeAfter.close &&
      !(this.#closed?.kind === "(" && this.#closed.isControl) &&
      this.#closed?.kind !== "b"
    );
  }

  #skipRegularExpression(): void {
    let isClass = false;
    let at = this.#at + 1;
    for (; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x0a) break; // it was none
      if (code === 0x5c) at++;
      else if (code === 0x5b) isClass = true;
      else if (code === 0x5d) isClass = false;
      else if (code === 0x2f && !isClass) {
        this.#at = at + 1;
        this.#operand();
        return;
      }
    }
    this.#wastedChars += at - this.#at;
    this.#punctuation(1);
  }

  #skipString(quote: number): void {
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x5c) at++;
      else if (code === quote || code === 0x0a) {
        this.#at = at + 1;
        this.#operand();
        return;
      }
    }
    this.#at = this.#text.length;
  }

  /** From a backtick, or the end of a substitution, to the next substitution or the end. */
  #skipTemplate(): void {
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x5c) at++;
      else if (code === 0x60) {
        this.#at = at + 1;
        this.#operand();
        return;
      } else if (code === 0x24 && this.#text.charCodeAt(at + 1) === 0x7b) {
        this.#at = at + 2;
        this.#open.push({ kind: "`", isControl: false, isGroup: false, runsHere: false });
        this.#before = placeAfter.other;
        return;
      }
    }
    this.#at = this.#text.length;
  }

  #readPunctuation(code: number): void {
    switch (code) {
      case 0x28:
        this.#openRound();
        break;
      case 0x5b:
        this.#open.push({ kind: "[", isControl: false, isGroup: false, runsHere: false });
        this.#punctuation(1);
        break;
      case 0x7b:
        this.#openBrace();
        break;
      case 0x29:
      case 0x5d:
      case 0x7d:
        this.#close();
        break;
      case 0x3d:
        this.#readEquals();
        break;
      default:
        if ((code === 0x2c || code === 0x3b) && this.#deferredDepth === this.#open.length) this.#deferredDepth = -1;
        this.#before = code === 0x21 || code === 0x2b || code === 0x7e ? placeAfter.control : placeAfter.other;
        this.#at++;
        this.#isArrow = false;
    }
  }

  #readEquals(): void {
    const isArrow = this.#text.charCodeAt(this.#at + 1) === 0x3e;
    const runsHere = this.#closed?.runsHere === true && this.#before === placeAfter.close;
    this.#punctuation(isArrow ? 2 : 1);
    if (!isArrow) return;
    this.#isArrow = !runsHere;
    this.#functionRunsHere = runsHere;
    const next = /\s*/y;
    next.lastIndex = this.#at;
    next.test(this.#text);
    const isBody = this.#text.charCodeAt(next.lastIndex || this.#at) === 0x7b;
    if (isBody) this.#arrowBody = true;
    else if (!runsHere && this.#deferredDepth < 0) this.#deferredDepth = this.#open.length;
  }

  #arrowBody = false;

  #openRound(): void {
    const isWordBefore = this.#before === placeAfter.word && !operatorWords.has(this.#word);
    const isControl = this.#before === placeAfter.word && controlWords.has(this.#word);
    const isCall = (isWordBefore && this.#word !== "function") || this.#before === placeAfter.close;
    this.#open.push({ kind: "(", isControl, isGroup: !isCall || isControl, runsHere: this.#isGroupBefore() });
    this.#punctuation(1);
  }

  #openBrace(): void {
    const afterHead = this.#before === placeAfter.close && this.#closed?.kind === "(" && !this.#closed.isControl;
    const isFunction = (afterHead || this.#arrowBody) && !this.#functionRunsHere;
    this.#arrowBody = false;
    this.#functionRunsHere = false;
    if (isFunction) this.#functions++;
    this.#open.push({ kind: isFunction ? "{" : "b", isControl: false, isGroup: false, runsHere: false });
    this.#punctuation(1);
  }

  #close(): void {
    const closed = this.#open.pop();
    if (closed?.kind === "{") this.#functions--;
    if (this.#deferredDepth > this.#open.length) this.#deferredDepth = -1;
    if (closed?.kind === "`") {
      this.#skipTemplate();
      return;
    }
    this.#closed = closed;
    this.#at++;
    this.#before = placeAfter.close;
    this.#isArrow = false;
  }

  #operand(): void {
    this.#before = placeAfter.word;
    this.#word = "";
    this.#isArrow = false;
  }

  #punctuation(chars: number): void {
    this.#at += chars;
    this.#before = placeAfter.other;
    this.#isArrow = false;
  }
}

const asciiWordCodes: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) =>
  Number(/[\w$]/.test(String.fromCharCode(code))),
);
/** Letters, digits, `_`, `$`, and all that is beyond ASCII. A table, because every character of every module is asked. */
const isWordCode = (code: number): boolean => asciiWordCodes[code] === 1 || code >= 0x80;

const endOrLength = (text: string, end: number, markChars: number): number =>
  end === -1 ? text.length : end + markChars;
