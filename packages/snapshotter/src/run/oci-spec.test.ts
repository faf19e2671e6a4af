import { describe, expect, it } from "vitest";
import { buildOciSpec, type ContainerSpec, type SpecMount } from "./oci-spec.js";

const container: ContainerSpec = {
  root: "/r",
  args: ["/bin/true"],
  env: ["A=1"],
  cwd: "/srv",
  user: { uid: 0, gid: 0, additionalGids: [], home: "/root" },
  terminal: false,
  hostname: "box",
  net: "host",
  cgroupsPath: "/sluice/1",
  cgroup2: false,
  files: [],
  volumes: [],
};

interface Spec {
  process: { capabilities: Record<"bounding" | "effective" | "permitted", string[]>; user: object; cwd: string };
  root: object;
  mounts: SpecMount[];
  linux: { namespaces: { type: string }[]; maskedPaths: string[] };
}
const specOf = (some: Partial<ContainerSpec>): Spec => buildOciSpec({ ...container, ...some }) as Spec;
const namespaces = (some: Partial<ContainerSpec>) => specOf(some).linux.namespaces.map(({ type }) => type);

describe("the runtime specification of a container", () => {
  it("runs the process as the image's user, in its directory", () => {
    const spec = specOf({ user: { uid: 33, gid: 44, additionalGids: [5], home: "/" } });
    expect(spec.process).toMatchObject({
      args: ["/bin/true"],
      env: ["A=1"],
      cwd: "/srv",
      user: { uid: 33, gid: 44, additionalGids: [5] },
    });
    expect(spec.root).toEqual({ path: "/r", readonly: false });
  });

  it("lets root keep the usual capabilities and nobody get those that change the host", () => {
    const { capabilities } = specOf({}).process;
    expect(capabilities.effective).toContain("CAP_CHOWN");
    expect(capabilities.bounding).not.toContain("CAP_SYS_ADMIN");
    expect(capabilities.effective).toEqual(capabilities.bounding);
  });

  it("gives a user that is not root nothing to start with", () => {
    const { capabilities } = specOf({ user: { uid: 1, gid: 1, additionalGids: [], home: "/" } }).process;
    expect(capabilities).toMatchObject({ effective: [], permitted: [] });
  });

  it("shares the host's network, or has none but loopback", () => {
    expect(namespaces({ net: "host" })).not.toContain("network");
    expect(namespaces({ net: "none" })).toContain("network");
  });

  it("has a cgroup namespace only where the unified hierarchy makes it work", () => {
    expect(namespaces({ cgroup2: true })).toContain("cgroup");
    expect(namespaces({ cgroup2: false })).not.toContain("cgroup");
  });

  it("mounts volumes last, so that they win over what the engine provides", () => {
    const { mounts } = specOf({
      files: [{ source: "/h/hosts", destination: "/etc/hosts", readOnly: false }],
      volumes: [{ source: "/data", destination: "/etc", readOnly: true }],
    });
    expect(mounts.slice(-2)).toEqual([
      { destination: "/etc/hosts", type: "bind", source: "/h/hosts", options: ["rbind", "rprivate", "rw"] },
      { destination: "/etc", type: "bind", source: "/data", options: ["rbind", "rprivate", "ro"] },
    ]);
  });

  it("hides the host's memory and firmware", () => {
    expect(specOf({}).linux.maskedPaths).toEqual(expect.arrayContaining(["/proc/kcore", "/sys/firmware"]));
  });
});
