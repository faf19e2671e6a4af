import { isIP } from "node:net";

export const addressRangeProblem = "expected an address, or a range such as 10.0.0.0/8";

/** An address, or a range of them as CIDR. Here and not in the schema: the command line asks before it loads that. */
export function isAddressRange(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}
