import type { Worker } from "node:worker_threads";
import type { LayerScan, ScanJob, WrittenRecipe } from "./layer-scanner.js";
import { PieceFeed } from "./piece-feed.js";
import type { ScannerAnswer, ScannerMessage, ThreadJob } from "./scan-worker.js";
import type { NamedFile } from "./temporary-file.js";
import { rethrown } from "./thrown-error.js";

/** One scan in another thread: feeds it, and takes what it answers. */
export class RunningScan {
  readonly #worker: Worker;
  readonly #feed: PieceFeed;
  readonly #tar = deferred<LayerScan>();
  readonly #recipe = deferred<WrittenRecipe>();
  readonly #onAnswer = (answer: ScannerAnswer): void => this.#answer(answer);

  constructor(worker: Worker, job: ScanJob, content: AsyncIterable<Uint8Array>) {
    this.#worker = worker;
    this.#feed = new PieceFeed({
      piece: (bytes) => this.#tell({ kind: "piece", bytes }, [bytes.buffer]),
      end: (broken) => this.#tell({ kind: "end", broken }),
    });
    this.#recipe.promise.catch(() => undefined); // awaited when the frames are written
    worker.on("message", this.#onAnswer);
    this.#tell({ kind: "scan", job: threadJobOf(job) });
    void this.#feed.run(content);
  }

  /** Everything but the recipe, which is promised in it. */
  get scan(): Promise<LayerScan> {
    return this.#tar.promise;
  }

  /** Resolves when the thread has nothing to do with the job any more. */
  get ended(): Promise<void> {
    return this.#recipe.promise.then(
      () => undefined,
      () => undefined,
    );
  }

  /** The thread is gone. */
  fail(error: unknown): void {
    this.#end();
    this.#tar.reject(error);
    this.#recipe.reject(error);
  }

  #answer(answer: ScannerAnswer): void {
    switch (answer.kind) {
      case "taken":
        this.#feed.taken();
        return;
      case "scanned":
        this.#tar.resolve({ ...answer.tar, recipe: this.#recipe.promise });
        return;
      case "recipe":
        this.#end();
        this.#recipe.resolve(answer.recipe);
        return;
      case "failed":
        this.fail(this.#feed.failure === undefined ? rethrown(answer.error) : this.#feed.failure.error);
    }
  }

  #end(): void {
    this.#feed.stop();
    this.#worker.off("message", this.#onAnswer);
  }

  #tell(message: ScannerMessage, transferred: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transferred);
  }
}

function threadJobOf({ contents, spooledRecipe, recipe, ...layer }: ScanJob): ThreadJob {
  const numbered = ({ path, handle }: NamedFile): ThreadJob["contents"] => ({ path, descriptor: handle.fd });
  return {
    ...layer,
    contents: numbered(contents),
    spooledRecipe: numbered(spooledRecipe),
    recipe: numbered(recipe),
  };
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve: Deferred<T>["resolve"] = () => undefined;
  let reject: Deferred<T>["reject"] = () => undefined;
  const promise = new Promise<T>((onResolved, onRejected) => {
    resolve = onResolved;
    reject = onRejected;
  });
  return { promise, resolve, reject };
}
