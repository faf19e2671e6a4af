import { escapeText } from "./plot.js";

/** Colours of the modes, in their order; those for a dark page are lighter. */
const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --page: #fff; --text: #1b1f24;
  --kind-0: #8a5a00; --kind-1: #6b7280; --kind-2: #1f6feb; --kind-3: #1a7f37; --kind-4: #a02bb5 }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --text: #e6e8ea;
  --kind-0: #e0a030; --kind-1: #a3abb8; --kind-2: #6cb0ff; --kind-3: #56d364; --kind-4: #e08af0 } }
body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; background: var(--page); color: var(--text) }
h1 { font-size: 1.4rem } h2 { font-size: 1.2rem; margin-top: 2.5rem } h3 { font-size: 1rem } h1, h2 { overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #8884 }
th:first-child, td:first-child { text-align: left }
svg { width: 100% } svg text { fill: currentColor; font-size: 14px }
line.axis, line.whisker, line.limit { stroke: currentColor } line.grid { stroke: #8884 } line.limit { stroke-dasharray: 4 }
path.curve { fill: none; stroke-width: 2 }
${[0, 1, 2, 3, 4].map((kind) => `rect.kind-${kind} { fill: var(--kind-${kind}) } path.kind-${kind} { stroke: var(--kind-${kind}) }`).join("\n")}
`;

/** @param sections HTML, escaped where it must be */
export function htmlPage(title: string, sections: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeText(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeText(title)}</h1>
${sections.join("\n")}
</body>
</html>
`;
}
