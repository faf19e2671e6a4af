import type { BenchResult } from "../bench/bench-result.js";

const always = (value: number) => ({ median: value, min: value, max: value });

/** What a bench might find: 40 s pulled in full, 4 s streamed, where 2.5 s is the limit. */
export const sampleBenchResult: BenchResult = {
  reference: "127.0.0.1:5000/app:1",
  link: { bitsPerSecond: 100e6, roundTripSeconds: 0.02 },
  image: { sizeBytes: 400 * 2 ** 20, artifactBytes: 420 * 2 ** 20, layers: 5 },
  runs: 3,
  modes: [
    {
      mode: "full",
      secondsToReady: { median: 40, min: 39, max: 44 },
      bytes: always(400 * 2 ** 20),
      requests: always(7),
      shareOfImage: 1,
      bytesOverTime: [
        { seconds: 0, bytes: 0 },
        { seconds: 20, bytes: 250 * 2 ** 20 },
        { seconds: 40, bytes: 400 * 2 ** 20 },
      ],
    },
    {
      mode: "streamed",
      secondsToReady: { median: 4, min: 3.5, max: 4.5 },
      bytes: always(40 * 2 ** 20),
      requests: always(120),
      shareOfImage: 0.1,
      bytesOverTime: [
        { seconds: 0, bytes: 0 },
        { seconds: 4, bytes: 40 * 2 ** 20 },
      ],
      readTimes: {
        total: 100,
        atMost: [
          { seconds: 0.000_016, reads: 0 },
          { seconds: 0.000_032, reads: 80 },
          { seconds: 0.065, reads: 100 },
        ],
      },
    },
  ],
  recorded: { pagesBytes: 90 * 2 ** 20, compressedBytes: 30 * 2 ** 20, startupBytes: 33 * 2 ** 20 },
  limitSeconds: 2.5,
};
