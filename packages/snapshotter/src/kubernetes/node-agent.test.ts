import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PullReport } from "../control/api.js";
import { localHost } from "../install/host.js";
import { Cluster, ClusterError } from "./cluster.js";
import { placeProgram } from "./host-program.js";
import { runNodeAgent } from "./node-agent.js";
import type { NodeState } from "./node-condition.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "agent-"));
});
afterEach(() => rm(folder, { recursive: true }));

const good: NodeState = { ready: true, reason: "Streaming", message: "ok" };

/** Runs the agent for as many looks as there are states; answers what the cluster was told. */
async function told(states: readonly (NodeState | Error)[], failing = false, pulls: readonly PullReport[] = []) {
  const stop = new AbortController();
  const calls: { kind: string; body: unknown }[] = [];
  const problems: unknown[] = [];
  let looks = 0;
  const note = (kind: string, body: object): Promise<void> => {
    calls.push({ kind, body });
    return failing ? Promise.reject(new ClusterError("away")) : Promise.resolve();
  };
  const next = (): NodeState | Error | undefined => states[looks];
  await runNodeAgent(
    {
      node: "n1",
      everyMs: 1,
      cluster: {
        patchNodeStatus: (_node, patch) => note("condition", patch),
        createEvent: (event) => note("event", event),
      },
      install: async () => {
        const state = next();
        if (state instanceof Error) {
          looks++;
          throw state;
        }
      },
      look: async () => {
        const state = next();
        looks++;
        if (looks >= states.length) stop.abort();
        return state instanceof Error || state === undefined ? good : state;
      },
      pulls: async (after) => pulls.filter(({ number }) => number > after),
      onProblem: (error) => problems.push(error),
    },
    { signal: stop.signal },
  );
  return { calls, problems };
}

describe("the agent of a node", () => {
  it("renews the condition at each look, and makes an event of a change only", async () => {
    const bad: NodeState = { ready: false, reason: "CheckFailed", message: "no disk" };
    const { calls } = await told([good, good, bad, bad, good]);
    expect(calls.map(({ kind }) => kind)).toEqual([
      ...["condition", "event", "condition", "condition", "event", "condition", "condition", "event"],
    ]);
    expect(calls[4]?.body).toMatchObject({ type: "Warning", reason: "CheckFailed", involvedObject: { name: "n1" } });
    expect(calls[0]?.body).toMatchObject({
      status: { conditions: [{ type: "ArtifactStreamingReady", status: "True" }] },
    });
  });

  it("makes an event of each image that was pulled since it began, once, and a warning where something is wrong", async () => {
    const at = Date.now() + 60_000;
    const pull = (number: number, code?: string): PullReport => ({
      number,
      reference: `r.example/app:${number - at}`,
      streamed: code === undefined,
      ...(code !== undefined && { reason: { code, message: "why", cure: "the cure" } }),
    });
    const pulls = [pull(at - 3_600_000), pull(at), pull(at + 1, "NO_ARTIFACT"), pull(at + 2, "ARTIFACT_INVALID")];
    const { calls } = await told([good, good, good], false, pulls);
    const events = calls.filter(({ kind }) => kind === "event").slice(1);
    expect(events.map(({ body }) => body)).toMatchObject([
      { type: "Normal", reason: "ImageStreamed", message: "r.example/app:0" },
      { type: "Normal", reason: "ImageNotStreamed" },
      {
        type: "Warning",
        reason: "ImageNotStreamed",
        message: "r.example/app:2 was pulled as usual (ARTIFACT_INVALID): why; the cure",
        involvedObject: { kind: "Node", name: "n1" },
      },
    ]);
  });

  it("tells why it could not install, and tries again", async () => {
    const { calls, problems } = await told([new Error("containerd is of version 1"), good]);
    expect(calls[0]?.body).toMatchObject({
      status: { conditions: [{ status: "False", reason: "InstallFailed", message: "containerd is of version 1" }] },
    });
    expect(calls.at(-1)?.body).toMatchObject({ type: "Normal", reason: "Streaming" });
    expect(problems).toHaveLength(1);
  });

  it("goes on when the cluster does not answer", async () => {
    expect((await told([good, good, good], true)).calls.length).toBeGreaterThanOrEqual(2);
  });
});

describe("the API of the cluster", () => {
  it("is asked with the token of the moment, and its refusals are told", async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization} ${request.headers["content-type"]}`);
      response.writeHead(seen.length > 2 ? 403 : 200).end('{"message":"forbidden"}');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const cluster = new Cluster({ address, accountFolder: folder });
      await writeFile(join(folder, "token"), "one\n");
      await cluster.patchNodeStatus("n/1", {});
      await writeFile(join(folder, "token"), "two\n");
      await cluster.createEvent({});
      await expect(cluster.createEvent({})).rejects.toThrow(/403 .*forbidden/);
      expect(seen.slice(0, 2)).toEqual([
        "PATCH /api/v1/nodes/n%2F1/status Bearer one application/strategic-merge-patch+json",
        "POST /api/v1/namespaces/default/events Bearer two application/json",
      ]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe("the program on the machine", () => {
  it("lies there version by version, whole, and what runs is not written over", async () => {
    const from = join(folder, "image");
    await mkdir(join(from, "bin"), { recursive: true });
    await writeFile(join(from, "bin/sluice.js"), "1");
    const host = localHost(join(folder, "host"));
    await mkdir(join(folder, "host/opt/sluice/.unfinished-1.0"), { recursive: true });
    expect(await placeProgram(host, { from, version: "1.0" })).toEqual([
      "/opt/sluice/1.0/node/node",
      "/opt/sluice/1.0/bin/sluice.js",
    ]);
    await writeFile(join(from, "bin/sluice.js"), "2");
    await placeProgram(host, { from, version: "1.0" });
    await placeProgram(host, { from, version: "2.0" });
    expect((await readdir(join(folder, "host/opt/sluice"))).sort()).toEqual(["1.0", "2.0"]);
    expect(await readFile(join(folder, "host/opt/sluice/1.0/bin/sluice.js"), "utf8")).toBe("1");
  });
});
