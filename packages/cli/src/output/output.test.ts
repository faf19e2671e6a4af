import { describe, expect, it } from "vitest";
import { CapturedStream } from "../testing/run-main.js";
import { failureOf } from "./failure.js";
import { asText, createLog } from "./log.js";
import { Output, type OutputFormat } from "./output.js";
import { startProgress } from "./progress.js";
import { bytes, duration, shortDigest } from "./quantities.js";
import { facts, table } from "./table.js";

function outputTo(format: OutputFormat, isQuiet = false, isTTY = false) {
  const stdout = new CapturedStream();
  const stderr = new CapturedStream(isTTY);
  return { output: new Output(stdout, stderr, format, isQuiet), stdout, stderr };
}

describe("what a verb says", () => {
  it("is one JSON document on stdout, or words", () => {
    const json = outputTo("json");
    json.output.result({ sizeBytes: 3 }, () => "three bytes");
    expect(JSON.parse(json.stdout.text)).toEqual({ sizeBytes: 3 });
    const words = outputTo("table");
    words.output.result({ sizeBytes: 3 }, () => "three bytes");
    expect(words.stdout.text).toBe("three bytes\n");
  });

  it("shows what a pusher wrote without what steers a terminal", () => {
    const hostile = "\u001b]0;title\u0007\u001b[2Kgood\u202eevil\nnext";
    for (const text of [table(["type"], [[hostile]]), facts([["type", hostile]])]) {
      expect(text.split("\n").at(-1)).toContain("]0;title [2Kgood evil next");
    }
    expect(failureOf(new Error(hostile)).message).toBe("]0;title [2Kgood evil; next");
  });

  it("keeps remarks to people who want them", () => {
    const { output, stdout, stderr } = outputTo("table");
    output.note("already converted");
    expect([stdout.text, stderr.text]).toEqual(["", "already converted\n"]);
    for (const silent of [outputTo("json"), outputTo("table", true)]) {
      silent.output.note("already converted");
      expect(silent.stderr.text).toBe("");
    }
  });

  it("draws progress on a terminal only", async () => {
    const piped = outputTo("table");
    const progress = await startProgress(piped.output);
    progress.update(0.5, "layer 1");
    progress.stop();
    expect(piped.stderr.text).toBe("");
    expect([outputTo("table", false, true), outputTo("table", true, true)].map((o) => o.output.showsProgress)).toEqual([
      true,
      false,
    ]);
  });
});

describe("tables", () => {
  it("have upper-case headers and columns two spaces apart, and no trailing spaces", () => {
    expect(
      table(
        ["name", "size"],
        [
          ["a", 1],
          ["longer", ""],
        ],
      ),
    ).toBe("NAME    SIZE\na       1\nlonger");
  });

  it("show headers when there is nothing to show", () => {
    expect(table(["name", "size"], [])).toBe("NAME  SIZE");
  });

  it("leave facts out that nobody knows", () => {
    expect(
      facts([
        ["digest", "sha256:1"],
        ["tag", undefined],
        ["size", 0],
      ]),
    ).toBe("digest: sha256:1\nsize:   0");
  });
});

describe("quantities", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [5 * 2 ** 30, "5.0 GiB"],
  ])("%d bytes are %s", (sizeBytes, text) => {
    expect(bytes(sizeBytes)).toBe(text);
  });

  it.each([
    [1.234, "1.23 s"],
    [42.06, "42.1 s"],
    [59.96, "60.0 s"],
    [93, "1 min 33 s"],
    [3600, "1 h 0 min"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it("shortens digests to twelve digits", () => {
    expect(shortDigest(`sha256:${"0123456789ab".padEnd(64, "f")}`)).toBe("sha256:0123456789ab");
  });
});

describe("log lines", () => {
  it("are words on a terminal and JSON elsewhere", () => {
    const terminal = new CapturedStream(true);
    createLog("info", terminal).warn({ layer: 3 }, "slow");
    expect(terminal.text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn: slow layer=3\n$/);
    const piped = new CapturedStream();
    createLog("info", piped).warn({ layer: 3 }, "slow");
    expect(JSON.parse(piped.text)).toMatchObject({ level: 40, layer: 3, msg: "slow" });
  });

  it("below the level are not written", () => {
    const piped = new CapturedStream();
    createLog("warn", piped).info("hello");
    expect(piped.text).toBe("");
  });

  it("that are not JSON pass as they are", () => {
    expect(asText("plain words\n")).toBe("plain words");
  });
});
