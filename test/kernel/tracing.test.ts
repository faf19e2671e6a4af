import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { OtlpReceiver } from "@sluice/snapshotter/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeptNode } from "../support/kept-node.js";
import { sha256Of } from "../support/other-process.js";
import { eventually } from "../support/served-disk.js";

describe("a node with a collector of OpenTelemetry", () => {
  let collector: OtlpReceiver;
  let node: KeptNode;
  beforeAll(async () => {
    collector = await OtlpReceiver.start();
    node = await KeptNode.create({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await collector[Symbol.asyncDispose]();
  });

  it("tells it of the start of an image, step by step", async () => {
    const image = await node.makeImage("app", 4, 600_000);
    const mountpoint = join(node.folder, "mnt");
    await mkdir(mountpoint);
    await node.mount(image, "mnt");
    for (const [name, sum] of image.sums) expect(await sha256Of(join(mountpoint, name))).toBe(sum);
    const steps = ["start", "resolve", "toc", "ready", "startup", "first read"] as const;
    await eventually("all steps are told", () => steps.every((name) => collector.named(name) !== undefined));

    const [start, resolve, toc, ready, startup, read] = steps.map((name) => collector.named(name));
    expect(start?.attributes).toContainEqual({ key: "reference", value: { stringValue: image.reference } });
    expect([resolve, ready].map((span) => span?.parentSpanId)).toEqual([start?.spanId, start?.spanId]);
    expect(toc?.parentSpanId).toBe(resolve?.spanId);
    expect([startup, read].map((span) => span?.parentSpanId)).toEqual([ready?.spanId, ready?.spanId]);
    expect(BigInt(start?.endTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(BigInt(ready?.endTimeUnixNano ?? "none"));
  });
});
