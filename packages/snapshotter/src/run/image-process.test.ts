import { describe, expect, it } from "vitest";
import {
  argumentsOf,
  type EnvironmentSurroundings,
  environmentOf,
  type ImageProcessConfig,
  NoCommandError,
} from "./image-process.js";

const image = (some: Partial<ImageProcessConfig>): ImageProcessConfig => ({
  entrypoint: [],
  cmd: [],
  env: [],
  user: "",
  workingDir: "",
  ...some,
});
const around: EnvironmentSurroundings = { home: "/root", hostname: "box", terminal: false, callerEnv: {} };

describe("the arguments of the container's process", () => {
  const withBoth = image({ entrypoint: ["/entry"], cmd: ["default"] });

  it("are entrypoint and command of the image when the caller says nothing", () => {
    expect(argumentsOf(withBoth, { command: [], env: [] })).toEqual(["/entry", "default"]);
  });

  it("keep the entrypoint when the caller names a command", () => {
    expect(argumentsOf(withBoth, { command: ["sh", "-c", "true"], env: [] })).toEqual(["/entry", "sh", "-c", "true"]);
  });

  it("drop the image's command with its entrypoint", () => {
    expect(argumentsOf(withBoth, { command: [], entrypoint: ["/bin/sh"], env: [] })).toEqual(["/bin/sh"]);
  });

  it("cannot be made up when neither image nor caller names any", () => {
    expect(() => argumentsOf(image({}), { command: [], env: [] })).toThrow(NoCommandError);
  });
});

describe("the environment of the container's process", () => {
  it("has a path, a home and a host name in any case, and TERM on a terminal", () => {
    const env = environmentOf(image({}), { command: [], env: [] }, { ...around, terminal: true });
    expect(env).toEqual([
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HOSTNAME=box",
      "HOME=/root",
      "TERM=xterm",
    ]);
  });

  it("takes the caller's value over the image's over the default, each name once", () => {
    const env = environmentOf(
      image({ env: ["PATH=/image", "A=1", "B=x=y"] }),
      { command: [], env: ["A=2", "HOME=/srv"] },
      around,
    );
    expect(env).toEqual(["PATH=/image", "HOSTNAME=box", "HOME=/srv", "A=2", "B=x=y"]);
  });

  it("passes the caller's own value on for a bare name, and unsets what the caller does not have", () => {
    const env = environmentOf(
      image({ env: ["LANG=C", "GONE=1"] }),
      { command: [], env: ["LANG", "GONE"] },
      { ...around, callerEnv: { LANG: "de_DE" } },
    );
    expect(env).toContain("LANG=de_DE");
    expect(env.filter((entry) => entry.startsWith("GONE"))).toEqual([]);
  });

  it("keeps an empty value, and skips an entry of the image without any", () => {
    const env = environmentOf(image({ env: ["EMPTY=", "NONSENSE"] }), { command: [], env: [] }, around);
    expect(env).toContain("EMPTY=");
    expect(env.join()).not.toContain("NONSENSE");
  });
});
