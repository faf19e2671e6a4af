import { InvalidArgumentError } from "commander";

const rateUnits: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };

/** `100mbit` → bytes per second. As tc(8) writes rates. @throws {InvalidArgumentError} */
export function parseRate(text: string): number {
  const [, amount = "", unit = ""] = /^(\d+(?:\.\d+)?)(bit|kbit|mbit|gbit)$/.exec(text) ?? [];
  const bitsPerSecond = Number(amount) * (rateUnits[unit] ?? 0);
  if (bitsPerSecond < 8000)
    throw new InvalidArgumentError("expected a rate of at least 8kbit, such as 100mbit or 1gbit");
  return bitsPerSecond / 8;
}

/** `20ms` → milliseconds. @throws {InvalidArgumentError} */
export function parseRoundTrip(text: string): number {
  const [, amount = ""] = /^(\d+(?:\.\d+)?)ms$/.exec(text) ?? [];
  if (amount === "" || Number(amount) > 60_000) {
    throw new InvalidArgumentError("expected milliseconds up to a minute, such as 20ms");
  }
  return Number(amount);
}

/** A whole number of at least one. @throws {InvalidArgumentError} */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError("expected a whole number of at least 1");
  return Number(text);
}
