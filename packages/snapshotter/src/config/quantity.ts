const bytesPer: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const millisecondsPer: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Bytes of `20GiB`, `1.5 GB`, `4096`. Undefined when the text is no such thing or not a safe integer. */
export const parseBytes = (text: string): number | undefined => scaled(text, bytesPer);

/** Milliseconds of `60s`, `1.5m`, `250ms`. A bare number has no unit and is refused. */
export const parseDurationMs = (text: string): number | undefined => scaled(text, millisecondsPer);

/** A share of `10%` as 0.1; more than 0 % and at most 100 %. */
export function parseShare(text: string): number | undefined {
  const match = /^(\d{1,3}(?:\.\d{1,3})?)\s?%$/.exec(text);
  const percent = Number(match?.[1]);
  return percent > 0 && percent <= 100 ? percent / 100 : undefined;
}

function scaled(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,16}(?:\.\d{1,6})?)\s?([A-Za-z]{0,3})$/.exec(text);
  const unit = match && units[match[2] ?? ""];
  if (!unit) return undefined;
  const value = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(value) ? value : undefined;
}
