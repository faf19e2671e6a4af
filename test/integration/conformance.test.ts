import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allCases } from "../conformance/all-cases.js";
import { targetOfEnvironment, workflowsOfEnvironment } from "../conformance/environment.js";
import { Target } from "../conformance/target.js";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";

describe("the registry conforms to the distribution specification, all of it: it", () => {
  let registry: RunningRegistry;
  let target: Target;
  beforeAll(async () => {
    registry = await startRegistry();
    target = new Target({
      rootUrl: `http://${registry.host}`,
      namespace: "conformance/one",
      crossmountNamespace: "conformance/two",
      credentials: undefined,
    });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it.each(allCases.map((one) => [one.name, one] as const))("%s", async (_name, { run }) => {
    await run(target);
  });
});

describe("the suite's environment", () => {
  it("names a registry in the words of the official suite", () => {
    const named = { OCI_ROOT_URL: "http://r", OCI_NAMESPACE: "a", OCI_CROSSMOUNT_NAMESPACE: "b", OCI_USERNAME: "u" };
    expect(targetOfEnvironment(named)).toEqual({
      rootUrl: "http://r",
      namespace: "a",
      crossmountNamespace: "b",
      credentials: { username: "u", password: "" },
    });
    expect(() => targetOfEnvironment({ OCI_ROOT_URL: "http://r" })).toThrow("OCI_NAMESPACE");
  });

  it("chooses the workflows that are asked for, or all", () => {
    expect([...workflowsOfEnvironment({ OCI_TEST_PULL: "1", OCI_TEST_PUSH: "0" })]).toEqual(["pull"]);
    expect(workflowsOfEnvironment({}).size).toBe(4);
  });
});
