import { pino } from "pino";
import { expect, it } from "vitest";
import { startTestServer } from "../testing/test-server.js";

it("the log has a line for each request, with who asked and what came of it, and nothing of the query", async () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "info" }, { write: (text: string) => void lines.push(JSON.parse(text)) });
  await using registry = await startTestServer({ log, accessLog: true });
  const digest = await registry.pushBlob("app", "12345");
  await (await registry.send("GET", `/v2/app/blobs/${digest}`, { headers: { "user-agent": "a".repeat(500) } })).text();
  await registry.send("GET", "/v2/app/manifests/none?secret=1");
  const requests = (): Record<string, unknown>[] => lines.filter(({ msg }) => msg === "request");
  await expect.poll(() => requests().length).toBe(3);
  const common = { address: "127.0.0.1", account: "", milliseconds: expect.any(Number) };
  expect(requests()).toMatchObject([
    { ...common, method: "POST", path: "/v2/app/blobs/uploads/", status: 201 },
    { ...common, method: "GET", path: `/v2/app/blobs/${digest}`, status: 200, sentBytes: 5, agent: "a".repeat(200) },
    { ...common, method: "GET", path: "/v2/app/manifests/none", status: 404 },
  ]);
  expect(JSON.stringify(lines)).not.toContain("secret");
});

it("without it there is none", async () => {
  const lines: string[] = [];
  await using registry = await startTestServer({ log: pino({}, { write: (text: string) => void lines.push(text) }) });
  await registry.send("GET", "/v2/");
  await registry.server.close();
  expect(lines.filter((line) => line.includes('"request"'))).toEqual([]);
});
