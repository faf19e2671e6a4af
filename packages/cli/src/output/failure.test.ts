import { describe, expect, it } from "vitest";
import { failureOf } from "./failure.js";

class StuckError extends Error {
  readonly code = "STUCK";
  readonly attempts = 3;
  readonly sizeBytes = 12n;
  readonly registryPassword = "hunter2";
  readonly where = { host: "r.example" };
}

describe("an error as the caller sees it", () => {
  it("keeps code, message and facts, and never a secret", () => {
    expect(failureOf(new StuckError("it is stuck"))).toEqual({
      code: "STUCK",
      message: "it is stuck",
      detail: { attempts: 3, sizeBytes: "12", where: { host: "r.example" } },
    });
  });

  it("puts the messages of its causes behind its own, each once", () => {
    const inner = new Error("connection refused");
    const middle = new Error("GET /v2/ failed", { cause: inner });
    const outer = new Error("cannot resolve: GET /v2/ failed", { cause: middle });
    expect(failureOf(outer).message).toBe("cannot resolve: GET /v2/ failed: connection refused");
  });

  it("is one line, whatever was thrown", () => {
    expect(failureOf(new Error("first\n  second\r\nthird")).message).toBe("first; second; third");
    expect(failureOf("a string")).toEqual({ code: "UNKNOWN", message: "a string", detail: null });
    expect(failureOf(undefined).message).toBe("undefined");
  });

  it("tells a cycle of causes only as deep as a person reads", () => {
    const error = new Error("round");
    error.cause = error;
    expect(failureOf(error).message).toBe("round");
  });

  it("survives facts that JSON refuses", () => {
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    expect(failureOf(Object.assign(new Error("x"), { loop })).detail).toEqual({ loop: "[object Object]" });
  });
});
