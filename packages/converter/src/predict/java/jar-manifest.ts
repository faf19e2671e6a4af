import { inflateRawSync } from "node:zlib";
import type { ImageFiles } from "../image-files.js";

const entryMark = 0x0201_4b50;
const entryBytes = 46;
const localHeaderBytes = 30;
const maxDirectoryBytes = 4 * 1024 * 1024;
const maxManifestBytes = 256 * 1024;
const stored = 0;
const deflated = 8;

interface ZipEntry {
  readonly method: number;
  readonly compressedBytes: number;
  readonly offset: number;
}

/** Paths that the manifest of a jar file adds to the class path, relative to where the jar is. Nothing for what is damaged. JAR File Specification, Class-Path */
export async function manifestClassPath(
  files: ImageFiles,
  jar: number,
  directoryStart: number,
): Promise<readonly string[]> {
  const directory = await files.read(jar, directoryStart, maxDirectoryBytes);
  const entry = findEntry(directory, "META-INF/MANIFEST.MF");
  if (entry === undefined || entry.compressedBytes > maxManifestBytes) return [];
  const header = await files.read(jar, entry.offset, localHeaderBytes);
  if (header.length < localHeaderBytes) return [];
  const start = entry.offset + localHeaderBytes + header.readUInt16LE(26) + header.readUInt16LE(28);
  const text = contentOf(entry, await files.read(jar, start, entry.compressedBytes));
  const classPath = /^Class-Path:(.*)$/m.exec(text.replace(/\r?\n /g, ""))?.[1] ?? "";
  return classPath.split(/\s+/).filter((path) => path.endsWith(".jar") && !path.includes(":"));
}

function findEntry(directory: Buffer, name: string): ZipEntry | undefined {
  for (let at = 0; at + entryBytes <= directory.length && directory.readUInt32LE(at) === entryMark; ) {
    const nameEnd = at + entryBytes + directory.readUInt16LE(at + 28);
    if (directory.toString("latin1", at + entryBytes, nameEnd) === name) {
      return {
        method: directory.readUInt16LE(at + 10),
        compressedBytes: directory.readUInt32LE(at + 20),
        offset: directory.readUInt32LE(at + 42),
      };
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return undefined;
}

function contentOf({ method }: ZipEntry, bytes: Buffer): string {
  if (method === stored) return bytes.toString("latin1");
  if (method !== deflated) return "";
  try {
    return inflateRawSync(bytes, { maxOutputLength: maxManifestBytes }).toString("latin1");
  } catch {
    return ""; // damaged, or it unpacks to more than a manifest
  }
}
