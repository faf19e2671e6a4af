/**
 * The starts of `start`, over each of three links in turn. Needs root and runc.
 *
 *     node test/bench/run.js links [IMAGE …] [--runs N] [--link NAME,…] [--mode MODE,…]
 *
 * Prints one JSON document a link, each with commit and machine.
 */
import { parseArgs } from "node:util";
import { main as start } from "./start.js";

/** By name; `modes` unless others are asked for. */
const links = {
  "100mbit": { rtt: "20ms", modes: "full,overlay,streamed,optimized,warm" },
  "1gbit": { rtt: "2ms", modes: "full,overlay,streamed,optimized,warm" },
  /** A pull in full takes minutes there, and says nothing but image ÷ rate. */
  "10mbit": { rtt: "80ms", modes: "overlay,streamed,optimized,warm" },
} as const;

export async function main(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: "string", default: "3" },
      link: { type: "string", default: Object.keys(links).join(",") },
      mode: { type: "string" },
    },
  });
  const chosen = values.link.split(",").map((name) => {
    if (!isLink(name)) throw new Error(`links --link ${name}: expected some of ${Object.keys(links).join(", ")}`);
    return name;
  });
  for (const rate of chosen) {
    const { rtt, modes } = links[rate];
    const flags = ["--runs", values.runs, "--rate", rate, "--rtt", rtt, "--mode", values.mode ?? modes];
    await start([...positionals, ...flags]);
  }
}

const isLink = (name: string): name is keyof typeof links => Object.hasOwn(links, name);
