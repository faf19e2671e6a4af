import Table from "cli-table3";
import { printable } from "./printable.js";

const noBorder = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/** Columns under upper-case headers, two spaces between, for people; `-o json` is for programs. */
export function table(headers: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const printed = new Table({
    head: headers.map((header) => header.toUpperCase()),
    chars: noBorder,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  printed.push(...rows.map((row) => row.map((cell) => printable(String(cell)))));
  return withoutTrailingSpaces(printed.toString());
}

/** Names on the left, values on the right; entries without a value are left out. */
export function facts(entries: readonly (readonly [name: string, value: string | number | undefined])[]): string {
  const shown = entries.filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${printable(String(value))}`).join("\n");
}

const withoutTrailingSpaces = (text: string): string => text.replace(/[ \t]+$/gm, "");
