/**
 * The starts of `start`, over three links one after the other. Needs root and runc.
 *
 *     node test/bench/run.js links [IMAGE …] [--runs N]
 *
 * Prints one JSON document a link, each with commit and machine.
 */
import { main as start } from "./start.js";

const all = "full,overlay,streamed,optimized,warm";
/** A pull in full takes minutes over the slowest, and says nothing but image ÷ rate: it is left out there. */
const links = [
  ["100mbit", "20ms", all],
  ["1gbit", "2ms", all],
  ["10mbit", "80ms", "overlay,streamed,optimized,warm"],
] as const;

export async function main(args: readonly string[]): Promise<void> {
  for (const [rate, rtt, mode] of links) await start([...args, "--rate", rate, "--rtt", rtt, "--mode", mode]);
}
