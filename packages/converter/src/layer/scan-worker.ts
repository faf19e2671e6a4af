import { parentPort } from "node:worker_threads";
import type { ScanJob, ScannedTar, WrittenRecipe } from "./layer-scanner.js";
import { fileOfDescriptor } from "./open-file.js";
import { PieceInbox } from "./piece-inbox.js";
import { scanLayer, writeRecipe } from "./scan-layer.js";
import type { NamedFile } from "./temporary-file.js";
import { type ThrownError, thrownError } from "./thrown-error.js";

// A worker thread of ScannerPool: one layer at a time, its pieces one message each.

type FileKey = "contents" | "spooledRecipe" | "recipe";

/** A scan job with the numbers of its files. */
export type ThreadJob = Omit<ScanJob, FileKey> & {
  readonly [key in FileKey]: { readonly path: string; readonly descriptor: number };
};

export type ScannerMessage =
  | { readonly kind: "scan"; readonly job: ThreadJob }
  | { readonly kind: "piece"; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly broken: boolean };

/** `taken`: of the pieces one. `failed` and `recipe` end a scan. */
export type ScannerAnswer =
  | { readonly kind: "taken" }
  | { readonly kind: "scanned"; readonly tar: ScannedTar }
  | { readonly kind: "recipe"; readonly recipe: WrittenRecipe }
  | { readonly kind: "failed"; readonly error: ThrownError };

let inbox: PieceInbox | undefined;

const answer = (message: ScannerAnswer, transferred: ArrayBuffer[] = []): void =>
  parentPort?.postMessage(message, transferred);

parentPort?.on("message", (message: ScannerMessage) => {
  switch (message.kind) {
    case "scan":
      inbox = new PieceInbox(() => answer({ kind: "taken" }));
      void scan(message.job, inbox);
      return;
    case "piece": // of a scan that has failed: nobody wants it
      inbox?.push(message.bytes);
      return;
    case "end":
      inbox?.end(message.broken ? new Error("the stream broke; the other thread knows why") : undefined);
  }
});

async function scan(threadJob: ThreadJob, content: PieceInbox): Promise<void> {
  const { contents, spooledRecipe, recipe, ...layer } = threadJob;
  const job = {
    ...layer,
    contents: opened(contents),
    spooledRecipe: opened(spooledRecipe),
    recipe: opened(recipe),
  };
  try {
    const { startBlock, ...tar } = await scanLayer(job, content);
    inbox = undefined;
    answer({ kind: "scanned", tar }, buffersOf(tar));
    answer({ kind: "recipe", recipe: await writeRecipe(job, startBlock) });
  } catch (error) {
    inbox = undefined;
    answer({ kind: "failed", error: thrownError(error) });
  }
}

const opened = ({ path, descriptor }: ThreadJob["contents"]): NamedFile => ({
  path,
  handle: fileOfDescriptor(descriptor),
});

/** Arrays move rather than being copied. */
function buffersOf({ index, encodedIndex, chunks }: ScannedTar): ArrayBuffer[] {
  const strings = [index.path, index.target, index.xattrs].flatMap(({ ends, bytes }) => [ends, bytes]);
  const arrays = [...Object.values(index), ...Object.values(chunks), ...strings, encodedIndex];
  const buffers = arrays.flatMap((array: unknown) => (ArrayBuffer.isView(array) ? [array.buffer] : []));
  return [...new Set(buffers)].filter((buffer) => buffer instanceof ArrayBuffer);
}
