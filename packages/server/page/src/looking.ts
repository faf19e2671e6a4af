import { RefusedError } from "./registry.js";
import type { Stage } from "./view.js";

/** What is looked at all over again. */
export interface Looking {
  /** Between two looks. Milliseconds. */
  readonly everyMs: number;
  /** Begins the sentence that says why there is nothing new: "Progress is not known". */
  readonly trouble: string;
  readonly look: () => Promise<void>;
  /** Asked before each pause. Default: always. */
  readonly goesOn?: () => boolean;
}

/** After a look that failed a busy or restarting registry gets so many pauses as rest. */
const pausesOfRest = 3;

/**
 * Looks all over again until the view is left. While nobody sees the page it asks nothing, and looks as soon as somebody does again.
 * A registry that does not answer is told of and asked again; one that wants a password is not.
 */
export async function keepLooking(
  stage: Stage,
  { everyMs, trouble, look, goesOn = () => true }: Looking,
): Promise<void> {
  const { signal, announce, tell } = stage;
  let isTroubled = false;
  while (goesOn()) {
    await pause(isTroubled ? pausesOfRest * everyMs : everyMs);
    await seen(signal);
    if (signal.aborted) return;
    const failed = await look().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (signal.aborted) return;
    if (failed?.error instanceof RefusedError && failed.error.status === 401) {
      tell(failed.error);
      return;
    }
    if (failed !== undefined) announce(`${trouble}: ${textOf(failed.error)}. It is asked for again by itself.`);
    else if (isTroubled) announce("");
    isTroubled = failed !== undefined;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Until the page can be seen, or the view is left. */
async function seen(signal: AbortSignal): Promise<void> {
  while (document.hidden && !signal.aborted) {
    await new Promise((resolve) => {
      const once = { once: true };
      document.addEventListener("visibilitychange", resolve, once);
      signal.addEventListener("abort", resolve, once);
    });
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
