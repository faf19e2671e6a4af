/** Fields of a header, as text or as raw bytes; sizes in bytes. */
export interface RawHeader {
  readonly name?: string | Uint8Array;
  readonly typeflag?: string;
  readonly mode?: string;
  readonly uid?: string | Uint8Array;
  readonly gid?: string | Uint8Array;
  readonly size?: number | Uint8Array;
  readonly mtime?: string | Uint8Array;
  readonly linkname?: string;
  readonly magic?: string;
  readonly devmajor?: string;
  readonly devminor?: string;
  readonly prefix?: string;
  /** Bytes put at places, last. */
  readonly raw?: readonly { readonly at: number; readonly bytes: string | Uint8Array }[];
}

function put(block: Buffer, at: number, value: string | Uint8Array | undefined): void {
  if (value !== undefined) block.set(typeof value === "string" ? Buffer.from(value, "latin1") : value, at);
}

/** Makes the block pass for a header. */
export function putChecksum(block: Buffer): void {
  put(block, 148, `${checksum(block).toString(8).padStart(6, "0")}\0 `);
}

function checksum(block: Buffer): number {
  let sum = 8 * 32;
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += block[i] ?? 0;
  return sum;
}

/** One header block with its checksum; everything else as odd as the caller likes. */
export function rawHeader(fields: RawHeader): Buffer {
  const block = Buffer.alloc(512);
  put(block, 0, fields.name ?? "file");
  put(block, 100, fields.mode ?? "0000644\0");
  put(block, 108, fields.uid ?? "0000000\0");
  put(block, 116, fields.gid ?? "0000000\0");
  const size = fields.size ?? 0;
  put(block, 124, typeof size === "number" ? `${size.toString(8).padStart(11, "0")}\0` : size);
  put(block, 136, fields.mtime ?? "00000000000\0");
  put(block, 156, fields.typeflag ?? "0");
  put(block, 157, fields.linkname);
  put(block, 257, fields.magic ?? "ustar\x0000");
  put(block, 329, fields.devmajor);
  put(block, 337, fields.devminor);
  put(block, 345, fields.prefix);
  for (const { at, bytes } of fields.raw ?? []) put(block, at, bytes);
  putChecksum(block);
  return block;
}

const bytesOf = (value: string | Uint8Array): Buffer =>
  typeof value === "string" ? Buffer.from(value) : Buffer.from(value);

export const padded = (content: string | Uint8Array): Buffer => {
  const bytes = bytesOf(content);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
};

/** A header and its content. */
export const rawFile = (fields: RawHeader, content: string | Uint8Array): Buffer =>
  Buffer.concat([rawHeader({ size: bytesOf(content).length, ...fields }), padded(content)]);

/** A PAX header (`x`) with these records; values may be bytes. */
export function rawPax(records: readonly (readonly [string, string | Uint8Array])[], typeflag = "x"): Buffer {
  const payload = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
  return rawFile({ name: "PaxHeaders/x", typeflag }, payload);
}

function paxRecord(key: string, value: string | Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), bytesOf(value), Buffer.from("\n")]);
  let length = body.length + 1;
  while (`${length}`.length + body.length !== length) length = `${length}`.length + body.length;
  return Buffer.concat([Buffer.from(`${length}`), body]);
}

export const endOfTar: Buffer = Buffer.alloc(1024);
