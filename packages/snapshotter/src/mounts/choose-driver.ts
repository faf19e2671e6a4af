import type { DriverChoice } from "../control/api.js";
import type { Driver } from "../drivers/index.js";
import { NotStreamableError } from "../resolve/not-streamable.js";

/** A driver that works here, and why it was taken. */
export interface ChosenDriver {
  readonly driver: Driver;
  readonly reason: string;
}

/**
 * The driver that was asked for, or with `auto` the first of `drivers` (best first) that works on this machine.
 *
 * @throws {NotStreamableError} DRIVER_UNAVAILABLE, saying why of each
 */
export async function chooseDriver(choice: DriverChoice, drivers: readonly Driver[]): Promise<ChosenDriver> {
  const refusals: string[] = [];
  for (const driver of drivers) {
    if (choice !== "auto" && choice !== driver.name) continue;
    const { ok, reason } = await driver.probe();
    if (ok) return { driver, reason: reasonOf(reason, choice, refusals) };
    refusals.push(`${driver.name}: ${reason}`);
  }
  throw new NotStreamableError(
    "DRIVER_UNAVAILABLE",
    refusals.length > 0 ? refusals.join("; ") : `no driver ${choice} in this program`,
  );
}

const reasonOf = (reason: string, choice: DriverChoice, refusals: readonly string[]): string => {
  if (choice !== "auto") return `asked for; ${reason}`;
  return refusals.length === 0 ? `best that works here; ${reason}` : `${reason}; not ${refusals.join("; not ")}`;
};
