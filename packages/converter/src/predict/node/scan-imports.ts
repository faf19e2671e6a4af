import { init, parse } from "es-module-lexer";

const maxSpecifierChars = 512;

/** The specifiers that an ES module imports before it runs, in order; those of `import()` are not among them. Nothing for what is no module. */
export async function importedSpecifiers(text: string): Promise<readonly string[]> {
  await init;
  try {
    const [imports] = parse(text);
    return imports.flatMap(({ n, d }) => (d === -1 && n !== undefined && n.length <= maxSpecifierChars ? [n] : []));
  } catch {
    return []; // a syntax error, in which it would end as well
  }
}
