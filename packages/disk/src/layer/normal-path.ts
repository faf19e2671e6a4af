/** The longest name in a directory (Linux `NAME_MAX`). Bytes. */
export const maxNameBytes = 255;
/** The longest path and symlink target: Linux `PATH_MAX` without its NUL. Bytes. */
export const maxPathBytes = 4095;

const slash = 0x2f;
const dot = 0x2e;

/**
 * Why a path is not in normal form, or undefined when it is. Normal: components of 1 to 255 bytes, none `.` or `..`,
 * joined by single slashes, no NUL, at most 4095 bytes; the root is empty. docs/format.md §2.4
 */
export function pathFault(bytes: Uint8Array, start = 0, end: number = bytes.length): string | undefined {
  if (end - start > maxPathBytes) return `longer than ${maxPathBytes} bytes`;
  if (start === end) return undefined;
  let name = start;
  for (let at = start; at <= end; at++) {
    const byte = at === end ? slash : bytes[at];
    if (byte === 0) return "a NUL";
    if (byte !== slash) continue;
    const fault = nameFault(bytes, name, at);
    if (fault !== undefined) return fault;
    name = at + 1;
  }
  return undefined;
}

function nameFault(bytes: Uint8Array, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0) return "an empty component";
  if (length > maxNameBytes) return `a component longer than ${maxNameBytes} bytes`;
  if (length > 2 || bytes[start] !== dot) return undefined;
  return length === 1 || bytes[start + 1] === dot ? "a component . or .." : undefined;
}
