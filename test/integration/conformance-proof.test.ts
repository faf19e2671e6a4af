import { missingPrograms } from "@sluice/oci/testing";
import { describe, expect, it } from "vitest";
import { runCases } from "../conformance/run-cases.js";
import { startOtherRegistry } from "../support/other-registry.js";

/** What version 2 of distribution, and in part 3, are known to do otherwise than the specification says. */
const ofBoth = [
  "takes and serves a blob that is named by sha512", // stores it by sha256 and says so
  "takes layers that must not be distributed, without their bytes", // asks for an allow list of their hosts
];
const ofVersion2 = [
  ...ofBoth,
  "refuses a reference that is neither tag nor digest",
  "refuses a second chunk that comes first with 416",
  "refuses a chunk that comes twice with 416, and goes on behind the first",
  "refuses a chunk that leaves a gap with 416",
  "refuses a manifest under a digest that is not its own, or none",
  "lists so many tags as are asked for, with a link to the rest",
  "lists the tags behind `last`, which need not exist",
  "lists no tags for n=0",
  "has nothing to delete that is not there",
];

describe("the conformance suite finds of registries that others wrote what is known of them, and nothing else:", () => {
  describe.each([
    { program: "docker-registry", from: "docker-registry", deviations: ofVersion2, notOffered: 13 },
    {
      program: "registry",
      from: "go install github.com/distribution/distribution/v3/cmd/registry@v3.1.2",
      deviations: ofBoth,
      notOffered: 12,
    },
  ])("$program", ({ program, from, deviations, notOffered }) => {
    const missing = missingPrograms({ [program]: from });
    it.skipIf(missing !== "")(`deviates as expected ${missing}`, async () => {
      await using registry = await startOtherRegistry(program);
      const outcomes = [];
      for await (const outcome of runCases({
        rootUrl: registry.url,
        namespace: "conformance/one",
        crossmountNamespace: "conformance/two",
        credentials: undefined,
      }))
        outcomes.push(outcome);
      const failed = outcomes.filter(({ result }) => result === "failed").map(({ name }) => name);
      expect(failed.sort()).toEqual([...deviations].sort());
      expect(outcomes.filter(({ result }) => result === "not offered")).toHaveLength(notOffered);
    });
  });
});
