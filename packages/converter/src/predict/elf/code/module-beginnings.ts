import { callSites } from "./call-sites.js";
import type { CodeFile } from "./code-file.js";

/** Functions that a program calls in a module that it has loaded: of Python, PostgreSQL, Node and Java. */
const called = /^(PyInit_|_PG_init\0|napi_register_module_v|node_register_module_v|JNI_OnLoad)/;
/** PyModuleDef and PyModuleDef_Slot of CPython's moduleobject.h, 64 bits. */
const slotsInDefinition = 72;
const slotBytes = 16;
const valueInSlot = 8;
const maxSlots = 16;

/** Where a module's code begins to run: the functions that what loads it calls by name, and those that slots of a Python module's definition name. */
export async function moduleBeginnings(file: CodeFile): Promise<readonly number[]> {
  const found: number[] = [];
  for (let symbol = 0; symbol < file.symbols.count; symbol++) {
    const address = file.symbols.address(symbol);
    if (address > 0 && called.test(file.symbols.beginning(symbol))) {
      found.push(address, ...(await slotsOfDefinition(file, address)));
    }
  }
  return found;
}

/** `PyInit_` of a module in several phases does nothing but give its definition to the interpreter. */
async function slotsOfDefinition(file: CodeFile, init: number): Promise<number[]> {
  const place = file.functionAt(init);
  if (place === -1) return [];
  const { relatives } = file.relocations;
  const found: number[] = [];
  for (const definition of callSites(await file.code(place), init).taken) {
    const slots = relatives.get(definition + slotsInDefinition);
    for (let slot = 0; slots !== undefined && slot < maxSlots; slot++) {
      const address = relatives.get(slots + slot * slotBytes + valueInSlot);
      if (address === undefined) break;
      found.push(address);
    }
  }
  return found;
}
