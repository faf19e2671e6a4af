import { scaleLinear } from "d3-scale";
import { at, escapeText, type Kind, line, plot, svg, text } from "./plot.js";

interface Bar extends Kind {
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

interface BarPlot {
  readonly label: string;
  readonly bars: readonly Bar[];
  readonly format: (value: number) => string;
  /** Dashed, through all bars: nothing can end left of it. */
  readonly limit?: number | undefined;
}

const rowHeight = 44;
const axisHeight = 28;
/** Room for the figure behind the longest bar. */
const figureWidth = 80;

/** A bar each from zero, with a whisker from the least to the most. */
export function barPlot({ label, bars, format, limit }: BarPlot): string {
  const longest = Math.max(...bars.map(({ max }) => max), limit ?? 0, Number.MIN_VALUE);
  const x = scaleLinear([0, longest], [plot.left, plot.width - plot.right - figureWidth]);
  const bottom = bars.length * rowHeight;
  const rows = bars.map((bar, i) => {
    const y = i * rowHeight;
    return [
      text(0, y + 26, bar.name),
      `<rect class="bar kind-${bar.kind}" x="${at(x(0))}" y="${y + 8}" width="${at(x(bar.value) - x(0))}" height="26"><title>${escapeText(`${bar.name}: ${format(bar.value)}, ${format(bar.min)} to ${format(bar.max)}`)}</title></rect>`,
      line([x(bar.min), y + 21], [x(bar.max), y + 21], "whisker"),
      text(x(Math.max(bar.max, bar.value)) + 8, y + 26, format(bar.value)),
    ].join("");
  });
  const ticks = x.ticks(5).map((tick) => {
    const mark = line([x(tick), bottom], [x(tick), bottom + 5], "axis");
    return mark + text(x(tick), bottom + 22, format(tick), "middle");
  });
  const limits = limit === undefined ? [] : [line([x(limit), 0], [x(limit), bottom], "limit")];
  const axis = line([x(0), bottom], [x(longest), bottom], "axis");
  return svg(label, bottom + axisHeight, [...rows, ...limits, axis, ...ticks]);
}
