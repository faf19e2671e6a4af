import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OtlpReceiver } from "../testing/otlp-receiver.js";
import { OtlpTracer } from "./otlp-tracer.js";
import { Tracing } from "./tracing.js";

const done = async (): Promise<string> => "done";

describe("tracing", () => {
  let collector: OtlpReceiver;
  beforeEach(async () => {
    collector = await OtlpReceiver.start();
  });
  afterEach(() => collector[Symbol.asyncDispose]());

  it("does the work alone while nobody is told", async () => {
    const tracing = new Tracing();
    expect(await tracing.step("start", {}, done)).toBe("done");
    expect(tracing.here()(() => 1)).toBe(1);
    await expect(tracing.step("start", {}, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  it("sends steps with their facts, each inside of the one that did it, also when it comes later", async () => {
    const tracer = new OtlpTracer(`${collector.endpoint}/`, "1.2.3");
    const tracing = new Tracing();
    tracing.use(tracer);
    const later = await tracing.step("start", { reference: "host/app:1" }, async () => {
      await tracing.step("resolve", {}, () => tracing.step("toc", { bytes: 5 }, done));
      return tracing.here();
    });
    await later(() => tracing.step("first read", {}, done));
    await tracing.step("other", {}, done);
    await tracer.close();
    const [start, resolve, toc, read, other] = ["start", "resolve", "toc", "first read", "other"].map((name) =>
      collector.named(name),
    );
    expect(start?.attributes).toEqual([{ key: "reference", value: { stringValue: "host/app:1" } }]);
    expect(start?.parentSpanId).toBeUndefined();
    expect(resolve?.parentSpanId).toBe(start?.spanId);
    expect(toc?.parentSpanId).toBe(resolve?.spanId);
    expect(read?.parentSpanId).toBe(start?.spanId);
    expect(other?.parentSpanId).toBeUndefined();
  });

  it("tells times by one clock: no step begins before the one around it, or ends after it", async () => {
    const tracer = new OtlpTracer(collector.endpoint, "1.2.3");
    const names = Array.from({ length: 100 }, (_, at) => [`outer ${at}`, `inner ${at}`] as const);
    for (const [outer, inner] of names) await tracer.step(outer, {}, () => tracer.step(inner, {}, done));
    await tracer.close();
    for (const [outer, inner] of names) {
      const [around, inside] = [collector.named(outer), collector.named(inner)];
      expect(BigInt(inside?.startTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(
        BigInt(around?.startTimeUnixNano ?? "none"),
      );
      expect(BigInt(around?.endTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(BigInt(inside?.endTimeUnixNano ?? "none"));
    }
  });

  it("says of a step that it failed, and with what", async () => {
    const tracer = new OtlpTracer(collector.endpoint, "1.2.3");
    await expect(tracer.step("start", {}, () => Promise.reject(new Error("registry away")))).rejects.toThrow();
    await tracer.close();
    expect(collector.named("start")?.status).toEqual({ code: 2, message: "registry away" });
  });

  it("ends soon when its collector is away", async () => {
    const tracer = new OtlpTracer("http://127.0.0.1:1", "1.2.3");
    await tracer.step("start", {}, done);
    await tracer.close();
  });
});
