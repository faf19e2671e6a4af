import { scaleLinear, scaleLog } from "d3-scale";
import { at, escapeText, type Kind, line, plot, svg, text } from "./plot.js";

export interface Curve extends Kind {
  /** Rising in x. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

interface Axis {
  readonly label: string;
  readonly format: (value: number) => string;
}

interface LinePlot {
  readonly label: string;
  /** By ten, from the least x of all curves; else even, from zero. */
  readonly x: Axis & { readonly isLogarithmic?: boolean };
  readonly y: Axis;
  readonly curves: readonly Curve[];
}

const top = 40;
const bottom = 280;
const height = 330;

/** Each curve stays where it is until its next point: what is drawn was so, and nothing between was measured. */
export function linePlot({ label, x: xAxis, y: yAxis, curves }: LinePlot): string {
  const all = curves.flatMap(({ points }) => points);
  const most = (i: 0 | 1): number => Math.max(...all.map((point) => point[i]), Number.MIN_VALUE);
  const right = plot.width - plot.right;
  const least = Math.min(...all.map(([x]) => x));
  const x = xAxis.isLogarithmic
    ? scaleLog([least, Math.max(most(0), least * 10)], [plot.left, right])
    : scaleLinear([0, most(0)], [plot.left, right]);
  const y = scaleLinear([0, most(1)], [bottom, top]).nice(5);
  const xTicks = xAxis.isLogarithmic ? x.ticks().filter((tick) => Number.isInteger(Math.log10(tick))) : x.ticks(6);
  const [yLeast = 0, yMost = 1] = y.domain();
  return svg(label, height, [
    ...curves.map((curve, i) => legend(curve, plot.left + i * 120)),
    text(0, top - 22, yAxis.label),
    text(right, height - 8, xAxis.label, "end"),
    ...y.ticks(5).map((tick) => {
      return (
        line([plot.left, y(tick)], [right, y(tick)], "grid") +
        text(plot.left - 8, y(tick) + 5, yAxis.format(tick), "end")
      );
    }),
    ...xTicks.map((tick) => {
      return (
        line([x(tick), bottom], [x(tick), bottom + 5], "axis") +
        text(x(tick), bottom + 22, xAxis.format(tick), "middle")
      );
    }),
    line([plot.left, bottom], [right, bottom], "axis"),
    line([plot.left, y(yLeast)], [plot.left, y(yMost)], "axis"),
    ...curves.map(({ name, kind, points }) => {
      const path = points.map(([px, py], i) => (i === 0 ? `M${at(x(px))},${at(y(py))}` : `H${at(x(px))}V${at(y(py))}`));
      return `<path class="curve kind-${kind}" d="${path.join("")}"><title>${escapeText(name)}</title></path>`;
    }),
  ]);
}

const legend = ({ name, kind }: Curve, x: number): string =>
  `<rect class="bar kind-${kind}" x="${x}" y="4" width="14" height="14"/>${text(x + 20, 16, name)}`;
