import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CriClient } from "./cri-client.js";
import { type AuthConfig, imageService } from "./cri-messages.js";
import { serveImageProxy } from "./image-proxy.js";
import { PullCredentials } from "./pull-credentials.js";

const image = "r.example/team/app:1";
const password = { kind: "password", username: "ann", password: "p" } as const;
let folder: string;
let containerd: grpc.Server;
let pulls: unknown[];
let credentials: PullCredentials;
let proxy: { close(): Promise<void> };
const containerdSocket = () => join(folder, "c.sock");
const socketPath = () => join(folder, "p.sock");

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cri-"));
  pulls = [];
  containerd = new grpc.Server();
  containerd.addService(imageService, {
    PullImage: (
      call: grpc.ServerUnaryCall<{ image: { image: string } }, object>,
      answer: grpc.sendUnaryData<object>,
    ) => {
      pulls.push(call.request);
      if (call.request.image.image.includes("hangs")) {
        call.on("cancelled", () => pulls.push("cancelled"));
      } else if (call.request.image.image.includes("refused")) {
        answer({ code: grpc.status.NOT_FOUND, details: "no such image" });
      } else answer(null, { image_ref: "sha256:1" });
    },
    ImageStatus: (_call: unknown, answer: grpc.sendUnaryData<object>) =>
      answer(null, { image: { id: "sha256:1", size: "42" } }),
  });
  await new Promise<void>((resolve, reject) => {
    containerd.bindAsync(`unix:${containerdSocket()}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  credentials = new PullCredentials();
  const log = pino({ level: "silent" });
  proxy = await serveImageProxy({ socketPath: socketPath(), containerdSocket: containerdSocket(), credentials, log });
});
afterEach(async () => {
  await proxy.close();
  containerd.forceShutdown();
  await rm(folder, { recursive: true });
});

describe("the image service between kubelet and containerd", () => {
  it("passes a pull on, and remembers with whose credentials, before containerd begins", async () => {
    using client = new CriClient(socketPath());
    expect(await client.pull(image, password)).toBe("sha256:1");
    expect(pulls).toMatchObject([{ image: { image }, auth: { username: "ann", password: "p" } }]);
    expect((await credentials.find("r.example", "team/app")).credentials).toEqual(password);
    expect((await credentials.find("r.example", "team/other")).credentials).toBeUndefined();
  });

  it("goes on with the credentials of the latest pull, so that a rotated secret counts", async () => {
    using client = new CriClient(socketPath());
    await client.pull(image, password);
    await client.pull("r.example/team/app:2", { ...password, password: "new" });
    expect((await credentials.find("r.example", "team/app")).credentials).toMatchObject({ password: "new" });
  });

  it("keeps the credentials that work when somebody pulls the image without any, or is refused", async () => {
    using client = new CriClient(socketPath());
    await client.pull("r.example/refused:1", password).catch(() => undefined);
    expect((await credentials.find("r.example", "refused")).credentials).toBeUndefined();
    await client.pull(image, password);
    await client.pull(image, undefined);
    const refused = client.pull("r.example/team/app:refused", { ...password, password: "wrong" });
    await expect(refused).rejects.toThrow(/no such image/);
    expect((await credentials.find("r.example", "team/app")).credentials).toEqual(password);
  });

  it("passes on what containerd answers and refuses, and that the caller has left", async () => {
    using client = new CriClient(socketPath());
    expect(await client.image(image)).toEqual({ id: "sha256:1", sizeBytes: 42 });
    await expect(client.pull("r.example/refused:1", undefined)).rejects.toThrow(/no such image/);
    const controller = new AbortController();
    const pulling = client.pull("r.example/hangs:1", undefined, { signal: controller.signal });
    while (pulls.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort(new Error("enough"));
    await expect(pulling).rejects.toThrow("enough");
    while (!pulls.includes("cancelled")) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it("says that containerd is away, and serves again when it is back", async () => {
    containerd.forceShutdown();
    using client = new CriClient(socketPath());
    await expect(client.image(image)).rejects.toMatchObject({
      code: "CRI",
      message: expect.stringContaining("running"),
    });
  });

  it("is open to nobody but its user", async () => {
    expect((await stat(socketPath())).mode & 0o077).toBe(0);
  });
});

describe("the credentials of a pull", () => {
  const none: AuthConfig = {
    username: "",
    password: "",
    auth: "",
    server_address: "",
    identity_token: "",
    registry_token: "",
  };
  const found = async (auth: Partial<AuthConfig>, name = image) => {
    const known = new PullCredentials();
    known.note(name, { ...none, ...auth })(true);
    return (await known.find("r.example", "team/app")).credentials;
  };

  it("are read in each form that the kubelet sends", async () => {
    expect(await found({ auth: Buffer.from("ann:p").toString("base64") })).toEqual(password);
    expect(await found({ identity_token: "t" })).toEqual({ kind: "identity-token", token: "t" });
    expect(await found({ username: "ann", password: "p", server_address: "https://r.example/v1/" })).toEqual(password);
    expect(await found({ username: "ann", password: "p" }, `r.example/team/app@sha256:${"a".repeat(64)}`)).toEqual(
      password,
    );
  });

  it("are none for another server, without a name, or of a name that is none", async () => {
    expect(await found({ username: "ann", server_address: "other.example" })).toBeUndefined();
    expect(await found({ auth: "!!!" })).toBeUndefined();
    expect(await found({})).toBeUndefined();
    expect(await found({ username: "ann" }, "r.example/TEAM//app")).toBeUndefined();
  });

  it("are those that worked again when pulls under way at once are refused, in whatever order, and push out none", async () => {
    const known = new PullCredentials();
    const user = async () => (await known.find("r.example", "team/app")).credentials;
    const pull = (username: string, name = image) => known.note(name, { ...none, username, password: "p" });
    pull("good")(true);
    const [first, second] = [pull("wrong"), pull("worse")];
    expect(await user()).toMatchObject({ username: "worse" });
    first(false);
    second(false);
    for (let at = 0; at < 1001; at++) pull("nobody", `r.example/n${at}:1`)(false);
    expect(await user()).toMatchObject({ username: "good" });
  });

  it("are remembered for a bounded number of repositories, the latest ones", async () => {
    const known = new PullCredentials();
    for (let at = 0; at < 1001; at++) known.note(`r.example/n${at}:1`, { ...none, username: "ann" })(true);
    expect((await known.find("r.example", "n0")).credentials).toBeUndefined();
    expect((await known.find("r.example", "n1000")).credentials).toBeDefined();
  });
});
