import { once } from "node:events";
import http from "node:http";
import { expect, it } from "vitest";
import { ReadyWatch } from "./ready.js";

const settled = async (watch: ReadyWatch): Promise<boolean> =>
  Promise.race([watch.ready.then(() => true), new Promise<boolean>((done) => setTimeout(() => done(false), 50))]);

it("sees a ready line that comes in two pieces", async () => {
  const watch = new ReadyWatch({ kind: "line", text: "ready to é" }, new AbortController().signal);
  const bytes = Buffer.from("starting\nready to é\n");
  watch.output(bytes.subarray(0, 18));
  expect(await settled(watch)).toBe(false);
  watch.output(bytes.subarray(18));
  expect(await settled(watch)).toBe(true);
});

it("takes the end of the process for ready only when that was waited for and it went well", async () => {
  const { signal } = new AbortController();
  expect(new ReadyWatch({ kind: "exit" }, signal).ended(0)).toBe(true);
  expect(new ReadyWatch({ kind: "exit" }, signal).ended(1)).toBe(false);
  expect(new ReadyWatch({ kind: "line", text: "x" }, signal).ended(0)).toBe(false);
});

it("asks a server until it answers", async () => {
  const stop = new AbortController();
  const server = http.createServer((_request, response) => response.end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number }; // listening on TCP
  server.close();
  await once(server, "close");
  const watch = new ReadyWatch({ kind: "http", url: `http://127.0.0.1:${port}/` }, stop.signal);
  expect(await settled(watch)).toBe(false);
  server.listen(port, "127.0.0.1");
  expect(await settled(watch).then(async (ready) => ready || settled(watch))).toBe(true);
  stop.abort();
  server.closeAllConnections();
  server.close();
});
