import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";

const root = new URL("../../", import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), "utf8");

it("every requirement of the registry has the test that docs/requirements.md names, with its id", async () => {
  const rows = [...(await read("docs/requirements.md")).matchAll(/^\| (AS\d+) \|.*\| `(.+)` \|$/gm)];
  const absent = await Promise.all(
    rows.map(async ([, id = "", path = ""]) => {
      const ids = [...(await read(path)).matchAll(/^ *(?:it|\["|\]\)\().*$/gm)].flatMap(([line]) => idsIn(line));
      return ids.includes(id) ? [] : [`${id}: ${path}`];
    }),
  );
  const every = Array.from({ length: 48 }, (_, at) => `AS${at + 1}`);
  expect([rows.map(([, id]) => id), absent.flat()]).toEqual([every, []]);
});

/** As they stand in a name: `AS1`, and in `AS24 to AS26` those between. */
const idsIn = (name: string): readonly string[] =>
  [...name.matchAll(/AS(\d+)(?: to AS(\d+))?/g)].flatMap(([, first, last = first]) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => `AS${Number(first) + at}`),
  );
