import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { parseNodeConfig } from "../config/node-config.js";

const folder = fileURLToPath(new URL("../../../../deploy/kubernetes/", import.meta.url));
/** As .ci/run installs it from PyPI: it brings the schemas of every version of Kubernetes with it. */
const validator = join(homedir(), ".cache/sluice-tools/bin/kubernetes-validate");
const objectSchema = z.looseObject({ kind: z.string() });

async function documentsOf(name: string): Promise<readonly z.infer<typeof objectSchema>[]> {
  const text = await readFile(join(folder, name), "utf8");
  return parseAllDocuments(text).map((document) => objectSchema.parse(document.toJS()));
}
const find = async (kind: string): Promise<unknown> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".yaml"));
  return (await Promise.all(names.map(documentsOf))).flat().find((object) => object.kind === kind);
};

describe("the manifests for Kubernetes", () => {
  it("are all named by the kustomization", async () => {
    const resources = z.object({ resources: z.array(z.string()) }).parse(await find("Kustomization")).resources;
    const files = (await readdir(folder)).filter((name) => name.endsWith(".yaml") && name !== "kustomization.yaml");
    expect([...resources].sort()).toEqual(files.sort());
  });

  it("let the agent do what it does, and nothing more", async () => {
    const rules = z.object({ rules: z.array(z.unknown()) }).parse(await find("ClusterRole")).rules;
    expect(rules).toEqual([
      { apiGroups: [""], resources: ["nodes/status"], verbs: ["patch"] },
      { apiGroups: [""], resources: ["events"], verbs: ["create"] },
    ]);
  });

  it("run the agent where it can install, and nowhere else", async () => {
    expect(await find("DaemonSet")).toMatchObject({
      spec: {
        template: {
          spec: {
            hostPID: true,
            nodeSelector: { "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" },
            containers: [
              {
                args: ["node", "agent", "--root-fs", "/host", "--config-from", "/config"],
                env: expect.arrayContaining([
                  { name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
                ]),
                securityContext: { privileged: true },
              },
            ],
          },
        },
      },
    });
  });

  it("hold a configuration that the node takes", async () => {
    const { data } = z.object({ data: z.record(z.string(), z.string()) }).parse(await find("ConfigMap"));
    const [document] = parseAllDocuments(data["config.yaml"] ?? "");
    expect(parseNodeConfig(document?.toJS()).log.level).toBe("info");
  });

  const isThere = existsSync(validator);
  it.skipIf(!isThere).each(["1.26", "1.34"])(
    `fit the schemas of Kubernetes %s${isThere ? "" : " (needs kubernetes-validate from PyPI, see .ci/run)"}`,
    async (version) => {
      const names = (await readdir(folder)).filter((name) => name.endsWith(".yaml") && name !== "kustomization.yaml");
      const files = names.map((name) => join(folder, name));
      const said = execFileSync(validator, ["--strict", "-k", version, ...files], { encoding: "utf8", stdio: "pipe" });
      expect(said).not.toMatch(/ERROR|failed/i);
    },
  );
});
