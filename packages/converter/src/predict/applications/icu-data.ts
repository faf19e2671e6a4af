import { type FileRange, readElf } from "../elf/elf-file.js";
import { largeObjects } from "../elf/large-objects.js";
import type { Prediction } from "../prediction.js";

/** An item of ICU's data by its name, such as `coll/de.res`; bytes from the beginning of the data. */
export interface IcuItem extends FileRange {
  readonly name: string;
}

/** The table of contents of real data has 120 KB. Bytes. */
const maxTableBytes = 1024 * 1024;
const maxItems = 20_000;
/** Longer items are tables, of which the ends say what there is. Bytes. */
const wholeItemBytes = 64 * 1024;
const endBytes = 16 * 1024;

/** What is read to know and to name all collations there are. */
const ofCollations =
  /^(coll\/.*|(lang|region)\/(en|pool|res_index|root)\.res|(keyTypeData|timezoneTypes|res_index)\.res)$/;

/**
 * The items that the table of contents of ICU's common data names, as they lie; `table` is its beginning. None of what is none. udata.h (header) and ucmndata.h (offset table of names and items) of ICU
 */
export function icuItems(table: Buffer, sizeBytes: number): readonly IcuItem[] {
  const isData = table.length > 24 && table.readUInt16LE(2) === 0x27da && table.toString("latin1", 12, 16) === "CmnD";
  const start = isData ? table.readUInt16LE(0) : table.length;
  if (start + 4 > table.length) return [];
  const count = table.readUInt32LE(start);
  if (count > maxItems || start + 4 + count * 8 > table.length) return [];
  const at = (item: number, half: number): number => start + table.readUInt32LE(start + 4 + item * 8 + half);
  return Array.from({ length: count }, (_, item) => {
    const nameStart = at(item, 0);
    const name = table.toString("latin1", nameStart, Math.max(nameStart, table.indexOf(0, nameStart)));
    const end = item + 1 < count ? at(item + 1, 4) : sizeBytes;
    return { name: name.slice(name.indexOf("/") + 1), start: at(item, 4), end: Math.min(end, sizeBytes) };
  });
}

/** Predicts what a program that makes all of ICU's collations known reads of the library's data, if it has loaded that. */
export async function addIcuCollations(prediction: Prediction): Promise<void> {
  const { files, set, elf } = prediction;
  const library = elf.loadedAs(/\/libicudata\.so\.[\d.]+$/);
  const parsed = library === undefined ? undefined : await readElf(files, library);
  if (library === undefined || parsed === undefined) return;
  for (const data of await largeObjects(files, library, parsed)) {
    const table = await files.read(library, data.start, Math.min(maxTableBytes, data.end - data.start));
    for (const { name, start, end } of icuItems(table, data.end - data.start)) {
      if (!ofCollations.test(name)) continue;
      const isWhole = end - start <= wholeItemBytes;
      set.addRange(library, data.start + start, data.start + (isWhole ? end : start + endBytes));
      if (!isWhole) set.addRange(library, data.start + end - endBytes, data.start + end);
    }
  }
}
