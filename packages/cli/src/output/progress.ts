import type { Output } from "./output.js";

/** A bar on stderr while something long goes on. Every method is free when nobody watches. */
export interface Progress {
  /** How much is done, 0 to 1, and what goes on in a few words. */
  update(fraction: number, what: string): void;
  /** Takes the bar off the screen. Again: nothing. */
  stop(): void;
}

/** Loads the drawing library only when a terminal is there to draw on. */
export async function startProgress(output: Output): Promise<Progress> {
  if (!output.showsProgress) return { update: () => {}, stop: () => {} };
  const { SingleBar } = await import("cli-progress");
  const bar = new SingleBar({
    stream: output.progressStream,
    format: "{bar} {percentage}% {what}",
    barsize: 24,
    clearOnComplete: true,
    hideCursor: true,
    noTTYOutput: false,
  });
  bar.start(1, 0, { what: "" });
  return {
    update: (fraction, what) => bar.update(fraction, { what }),
    stop: () => bar.stop(),
  };
}
