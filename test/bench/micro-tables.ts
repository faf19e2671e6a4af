import { median, rounded } from "./figures.js";

/** By what is measured, then by place: a figure a round. */
export type MicroFigures = Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;

export interface Micro {
  /** Of the tree: of any kind, and regular files. */
  readonly entries: number;
  readonly files: number;
  readonly walks: MicroFigures;
  readonly reads: MicroFigures;
}

export const microTables = ({ walks, reads }: Micro): string =>
  [tableOf("seconds", walks), tableOf("fio", reads)].join("\n\n");

/** Medians of the rounds. */
function tableOf(title: string, figures: MicroFigures): string {
  const places = [...new Set(Object.values(figures).flatMap((by) => Object.keys(by)))];
  const cell = (rounds: readonly number[] | undefined): number | string =>
    rounds === undefined ? "" : rounded(median(rounds));
  const rows = Object.entries(figures).map(([what, by]) => [what, ...places.map((place) => cell(by[place]))]);
  return [[title, ...places], ["---", ...places.map(() => "--:")], ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
