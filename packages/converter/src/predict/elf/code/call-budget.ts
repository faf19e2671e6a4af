import { limits } from "../../limits.js";

/** What following calls may cost in one prediction; when it is used up, no more is followed and the prediction goes on without. */
export class CallBudget {
  #readBytes = 0;
  #work = 0;

  /** Counts bytes that are to be read. @returns whether they may be */
  mayRead(bytes: number): boolean {
    if (this.#readBytes + bytes > limits.calledReadBytes) return false;
    this.#readBytes += bytes;
    return true;
  }

  /** Counts bytes that are looked at, or what takes as long. */
  spend(bytes: number): void {
    this.#work += bytes;
  }

  get isSpent(): boolean {
    return this.#work > limits.calledWorkBytes;
  }
}
