/** By what is measured, then by place. */
export type MicroFigures = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface Micro {
  readonly walks: MicroFigures;
  readonly reads: MicroFigures;
}

/** What is wanted of the figures: at most, or at least. */
interface MicroLine {
  readonly what: string;
  readonly measured: number;
  readonly wanted: number;
  readonly isEnough: boolean;
}

/** A request through the daemon may cost this beyond a read of a local EROFS file. Microseconds. */
const allowedMicroseconds = 20;
/** MB/s that are fast on any machine; one that cannot copy as fast is measured by what it can. */
const fastRate = 4000;
const shareOfCopy = 0.8;

/** The lines for `targets`. The limit of one copy is what four readers get of a file that the page cache holds. */
export function microLines({ reads }: Micro): readonly MicroLine[] {
  const of = (what: string, place: string): number => reads[what]?.[place] ?? Number.NaN;
  const random = "random 4 KiB µs, readers 1, hits";
  const most = of(random, "erofs") + allowedMicroseconds;
  const four = of("sequential MB/s, readers 4, hits", "sluice");
  const least = Math.min(fastRate, shareOfCopy * of("sequential MB/s, readers 4, hot", "ext4"));
  return [
    {
      what: "random hits of 4 KiB, µs",
      measured: of(random, "sluice"),
      wanted: most,
      isEnough: of(random, "sluice") <= most,
    },
    { what: "hits of four readers, MB/s", measured: four, wanted: least, isEnough: four >= least },
  ];
}

export const microTables = ({ walks, reads }: Micro): string =>
  [tableOf("seconds", walks), tableOf("fio", reads)].join("\n\n");

function tableOf(title: string, figures: MicroFigures): string {
  const places = Object.keys(Object.values(figures)[0] ?? {});
  const rows = Object.entries(figures).map(([what, by]) => [what, ...places.map((place) => by[place] ?? "")]);
  return [[title, ...places], ["---", ...places.map(() => "--:")], ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
