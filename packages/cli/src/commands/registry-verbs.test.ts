import { describe, expect, it } from "vitest";
import { runMain } from "../testing/run-main.js";

describe("verbs that ask a registry", () => {
  it.each([
    ["worker", "needs the registry's shared storage"],
    ["worker --conversions many", "expected a number from 0 to 99"],
    ["serve --trusted-proxies 10.0.0.0/8,proxy", "proxy: expected an address, or a range such as 10.0.0.0/8"],
    ["serve --conversions -1", "expected a number from 0 to 99"],
    ["operation show", "--image REPO:TAG, or --repository REPO and --id ID"],
    ["operation show --id 1", "--image REPO:TAG, or --repository REPO and --id ID"],
    ["operation cancel --image app:1 --id 1", "--image goes alone"],
    ["operation show --image oci:app:1", "expected REPO:TAG, of a registry"],
    ["operation list --status Done", "Allowed choices are NotStarted"],
    ["repo show", "say which repository"],
    ["repo show app --repository other", "which: app, or --repository other?"],
    ["repo show app:1", "without a tag"],
    ["repo update app", "--enable-streaming"],
    ["repo update app --enable-streaming yes", "Allowed choices are true, false"],
    ["manifest list-referrers", "--name"],
    ["convert app:1 --on-server --to other:1", "--to goes without --on-server"],
    ["convert app:1 --wait --platform linux/arm64", "only linux/amd64 is supported"],
    ["convert oci:app:1 --on-server", "expected REPO:TAG, of a registry"],
  ])("takes no words that make no sense: %s", async (words, problem) => {
    const { exitCode, stderr } = await runMain(words.split(" "));
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(problem)]);
  });

  it.each(["convert app:1 --no-wait", "repo list", "operation list"])("says how to reach one: %s", async (words) => {
    const { exitCode, stderr } = await runMain([...words.split(" "), "--registry", "127.0.0.1:1"]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("start it with `sluice serve`")]);
  });
});
