import { readFileSync } from "node:fs";

/** Bytes as a golden file has them: hex, 32 bytes a line. */
export function toHex(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  return `${(hex.match(/.{1,64}/g) ?? []).join("\n")}\n`;
}

/** Bytes of a golden file. */
export function fromHex(file: URL): Uint8Array {
  return new Uint8Array(Buffer.from(readFileSync(file, "utf8").replaceAll("\n", ""), "hex"));
}
