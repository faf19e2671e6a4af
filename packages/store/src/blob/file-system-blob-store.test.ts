import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { sha256Of } from "@sluice/oci/content";
import { describe, expect, it } from "vitest";
import { blobStoreSuite, collect } from "../testing/blob-store-suite.js";
import { uploadStoreSuite } from "../testing/upload-store-suite.js";
import { BlobMissingError } from "./blob-errors.js";
import { FileSystemBlobStore } from "./file-system-blob-store.js";
import { FileSystemUploadStore } from "./file-system-upload-store.js";

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), "sluice-blobs-"));

blobStoreSuite("The file system store", async () => {
  const folder = await newFolder();
  return {
    store: await FileSystemBlobStore.open(folder),
    leftovers: async () => (await readdir(join(folder, "tmp"))).length,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
});

uploadStoreSuite("The file system store", async () => {
  const folder = await newFolder();
  const blobs = await FileSystemBlobStore.open(folder);
  const reopen = (): Promise<FileSystemUploadStore> => FileSystemUploadStore.open(join(folder, "uploads"), blobs);
  return { uploads: await reopen(), blobs, reopen, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
});

describe("a blob whose file is damaged", () => {
  const bytes = Buffer.from("the bytes that its name says");
  const digest = sha256Of(bytes);

  it("is whole again once its bytes are pushed", async () => {
    const folder = await newFolder();
    const blobs = await FileSystemBlobStore.open(folder);
    const uploads = await FileSystemUploadStore.open(join(folder, "uploads"), blobs);
    const read = async (): Promise<string> => (await collect(blobs.read(digest))).toString();
    const push = async (): Promise<void> => {
      const id = await uploads.create();
      await uploads.append(id, 0, Readable.from([bytes]));
      await uploads.commit(id, { digest });
    };
    try {
      await push();
      await writeFile(blobs.pathOf(digest), "other bytes, and just as many");
      await push();
      expect(await read()).toBe(bytes.toString());
      await truncate(blobs.pathOf(digest), 3);
      await blobs.put({ digest, sizeBytes: bytes.length }, Readable.from([bytes]));
      expect(await read()).toBe(bytes.toString());
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("a blob as an open file", () => {
  it("has its bytes, and is refused where read would refuse", async () => {
    const folder = await newFolder();
    try {
      const blobs = await FileSystemBlobStore.open(folder);
      const bytes = Buffer.from("some bytes");
      const digest = sha256Of(bytes);
      await expect(blobs.openFile(digest)).rejects.toThrow(BlobMissingError);
      await blobs.put({ digest }, Readable.from([bytes]));
      const file = await blobs.openFile(digest, { start: 1, end: 3 });
      expect(await file.readFile("utf8")).toBe("some bytes");
      await file.close();
      await expect(blobs.openFile(digest, { start: 1, end: 30 })).rejects.toThrow(RangeError);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("opening a file system store", () => {
  it("removes what dead writers left, and nothing of the living", async () => {
    const folder = await newFolder();
    try {
      await FileSystemBlobStore.open(folder);
      const dead = spawnSync("true").pid;
      const mine = (await import("node:fs")).readFileSync("/proc/self/stat", "latin1");
      const start = mine.slice(mine.lastIndexOf(")") + 2).split(" ")[19];
      const living = `${process.pid}-${start}-living`;
      const reused = `${process.pid}-1-reused`;
      for (const name of [`${dead}-99-dead`, living, reused, "rubbish"])
        await writeFile(join(folder, "tmp", name), "x");
      await FileSystemBlobStore.open(folder);
      expect(await readdir(join(folder, "tmp"))).toEqual([living]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
