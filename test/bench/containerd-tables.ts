import { containerdLines, type ThroughContainerd } from "./containerd-targets.js";
import { rounded } from "./figures.js";
import { table } from "./table.js";

/** A row a line that is wanted, and the seconds behind them. */
export function containerdTables(figures: ThroughContainerd): string {
  const lines = containerdLines(figures).map(({ what, measured, bound, wanted, isHeld }) => [
    ...[what, rounded(measured), `${bound} ${wanted}`, isHeld ? "ok" : "missed"],
  ]);
  const tables = [table(["", "measured", "wanted", ""], lines), ...startTables(figures), ...togetherTables(figures)];
  return tables.join("\n\n");
}

const startTables = ({ containerd }: ThroughContainerd): string[] => {
  const rows = Object.entries(containerd?.images ?? {}).flatMap(([name, image]) =>
    Object.entries(image.through).map(([version, { overlayfs, sluice, "optimized sluice": optimized }]) => [
      ...[`${name}, ${version}`, overlayfs["ready s"], sluice["ready s"], sluice["pull of nothing s"]],
      ...[
        image.run["ready s"],
        optimized["ready s"],
        optimized["pull of nothing s"],
        image["optimized run"]["ready s"],
      ],
    ]),
  );
  const recorded = ["recorded, s", "recorded, own pull, s", "run, recorded, s"];
  const head = ["image, containerd", "overlayfs, s", "sluice, s", "own pull, s", "run, s", ...recorded];
  return rows.length > 0 ? [table(head, rows)] : [];
};

const togetherTables = ({ manyPods }: ThroughContainerd): string[] => {
  if (manyPods === undefined) return [];
  const rows = Object.entries(manyPods.through).map(([version, figures]) => [
    ...[`${manyPods.pods} pods, ${version}`, figures["one s"], figures["all s"], figures["fetched MB"]],
    ...[figures["link s"], figures["all unpacked s"]],
  ]);
  return [
    table(["", "one alone, s", "all, s", "fetched, MB", "the link's time, s", "overlayfs, all unpacked, s"], rows),
  ];
};
