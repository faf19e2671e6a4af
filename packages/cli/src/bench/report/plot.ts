/** Where everything is drawn. Units of the view box, which the browser scales. */
export const plot = { width: 720, left: 96, right: 36 } as const;

/** A line or bar of one kind has the same colour in all plots: class `kind-N` of the page's style. */
export interface Kind {
  readonly name: string;
  readonly kind: number;
}

export const escapeText = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Tenths of a unit are finer than any screen. */
export const at = (value: number): string => value.toFixed(1);

export function text(x: number, y: number, content: string, anchor: "start" | "middle" | "end" = "start"): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}">${escapeText(content)}</text>`;
}

export function line(from: readonly [number, number], to: readonly [number, number], kind: string): string {
  const [[x1, y1], [x2, y2]] = [from, to];
  return `<line class="${kind}" x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}"/>`;
}

/** An image for who sees, a sentence for who does not. */
export function svg(label: string, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${plot.width} ${height}" role="img" aria-label="${escapeText(label)}">
${parts.join("\n")}
</svg>`;
}
