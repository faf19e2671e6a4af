import { TarFieldError } from "./errors.js";

const zero = 0x30;
const seven = 0x37;
const space = 0x20;

/**
 * A numeric field of a tar header, its bytes from `start` to `end`: octal text, or base-256 (two's complement, big-endian, first bit set) as GNU tar
 * writes what octal cannot hold. Blank is 0.
 *
 * @throws {TarFieldError} if it is neither, or no safe integer
 */
export function tarNumber(block: Uint8Array, start: number, end: number, name: string): number {
  return (block[start] ?? 0) & 0x80 ? base256(block.subarray(start, end), name) : octal(block, start, end, name);
}

function octal(block: Uint8Array, start: number, end: number, name: string): number {
  let at = start;
  while (at < end && (block[at] === space || block[at] === 0)) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = block[at] ?? 0;
    if (digit < zero || digit > seven) break;
    value = value * 8 + (digit - zero);
  }
  for (; at < end && block[at] !== 0; at++) {
    if (block[at] !== space) throw new TarFieldError(`${name} is not an octal number`);
  }
  return value;
}

function base256(field: Uint8Array, name: string): number {
  const negative = ((field[0] ?? 0) & 0x40) !== 0;
  let value = negative ? -1 : 0;
  for (let i = 0; i < field.length; i++) {
    const byte = i === 0 ? ((field[0] ?? 0) & 0x7f) | (negative ? 0x80 : 0) : (field[i] ?? 0);
    value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw new TarFieldError(`${name} is out of range`);
  }
  return value;
}

/** A decimal number of a PAX record or sparse map, not negative. @throws {TarFieldError} */
export function decimal(bytes: Uint8Array, name: string): number {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const value = Number(text);
  if (!/^[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(value)) {
    throw new TarFieldError(`${name}: expected a decimal number, got ${JSON.stringify(text.slice(0, 40))}`);
  }
  return value;
}

export interface TarTime {
  /** Since 1970, rounded down. Whole, negative before. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
}

/** `[-]seconds[.fraction]` of a PAX record; digits behind the ninth are dropped. @throws {TarFieldError} */
export function paxTime(bytes: Uint8Array, name: string): TarTime {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const match = /^(-?)([0-9]{1,16})(?:\.([0-9]*))?$/.exec(text);
  if (match === null || !Number.isSafeInteger(Number(match[2]))) {
    throw new TarFieldError(`${name}: expected seconds, got ${JSON.stringify(text.slice(0, 40))}`);
  }
  const whole = Number(match[2]);
  const fraction = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] !== "-") return { seconds: whole, nanoseconds: fraction };
  if (fraction === 0) return { seconds: whole === 0 ? 0 : -whole, nanoseconds: 0 };
  return { seconds: -whole - 1, nanoseconds: 1_000_000_000 - fraction };
}
