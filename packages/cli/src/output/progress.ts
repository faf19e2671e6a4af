import type { Output } from "./output.js";
import { bytes } from "./quantities.js";

/** A bar on stderr while something long goes on. Every method is free when nobody watches. */
export interface Progress {
  /** `doneBytes` of `totalBytes` are done; `what` is the step in a few words. */
  update(doneBytes: number, totalBytes: number, what: string): void;
  /** Takes the bar off the screen. */
  stop(): void;
}

/** Loads the drawing library only when a terminal is there to draw on. */
export async function startProgress(output: Output): Promise<Progress> {
  if (!output.showsProgress) return { update: () => {}, stop: () => {} };
  const { SingleBar } = await import("cli-progress");
  const bar = new SingleBar({
    stream: output.progressStream,
    format: "{bar} {percentage}% {amount} {what}",
    barsize: 24,
    clearOnComplete: true,
    hideCursor: true,
    noTTYOutput: false,
  });
  bar.start(1, 0, { amount: "", what: "" });
  return {
    update: (doneBytes, totalBytes, what) => {
      bar.setTotal(Math.max(1, totalBytes));
      bar.update(Math.min(doneBytes, totalBytes), { amount: `${bytes(doneBytes)} of ${bytes(totalBytes)}`, what });
    },
    stop: () => bar.stop(),
  };
}
