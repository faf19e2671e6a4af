import fc from "fast-check";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import {
  ContainerdConfigError,
  snapshotterSettingOf,
  withoutSnapshotter,
  withSnapshotter,
} from "./containerd-config.js";

const socket = "/run/sluice/snapshotter.sock";
const install = (text: string | undefined): string =>
  withSnapshotter(text, { address: socket, dataRoot: "/var/lib/sluice" }, "/etc/containerd/config.toml");
const ours = { address: socket, isDefault: true, hasAnnotations: true };

const debian = `version = 2

[plugins]
  # pods
  [plugins."io.containerd.grpc.v1.cri"]
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
`;
const full = `version = 2 # of the file
[plugins."io.containerd.grpc.v1.cri".containerd]   # CRI
      default_runtime_name = "runc"
      disable_snapshot_annotations = true
      snapshotter = "overlayfs" # default
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  snapshotter = ""
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
[proxy_plugins.other]
  type = "snapshot"
  address = "/run/other.sock"`;
const third = `version = 3
imports = ['/etc/containerd/conf.d/*.toml']
[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
  disable_snapshot_annotations = true
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '/etc/containerd/certs.d'
`;

describe("containerd's configuration", () => {
  it.each([
    ["of Debian", debian],
    ["of containerd 1.6, written out", full],
    ["of containerd 2, version 3", third],
    ["of containerd 2.3, version 4", third.replace("version = 3", "version = 4")],
    ["with the lines of Windows", full.replaceAll("\n", "\r\n")],
    ["that is only a version", "version = 2"],
    ["that is only a comment", "# nothing here"],
    ["whose last line is the key", 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd]\nsnapshotter = "x"'],
    ["whose last line is the table", 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd]'],
    ["that names another socket of ours", `version = 2\n[proxy_plugins.sluice]\ntype = "snapshot"\naddress = "/old"\n`],
  ])("%s gets the snapshotter and gives it back byte for byte, once or twice", (_, text) => {
    const changed = install(text);
    expect(snapshotterSettingOf(changed, "it")).toEqual(ours);
    expect(install(changed)).toBe(changed);
    expect(withoutSnapshotter(changed)).toBe(text);
    expect(withoutSnapshotter(text)).toBe(text);
  });

  it("keeps what others say, and where they say it", () => {
    const changed = install(full);
    expect(parse(changed)).toMatchObject({
      plugins: {
        "io.containerd.grpc.v1.cri": {
          containerd: { default_runtime_name: "runc", runtimes: { runc: { snapshotter: "" } } },
          registry: { config_path: "/etc/containerd/certs.d" },
        },
      },
      proxy_plugins: { other: { address: "/run/other.sock" } },
    });
    expect(changed).toContain("version = 2 # of the file\n");
    expect(changed).toContain('snapshotter = "overlayfs" # default\n');
  });

  it("is made when there is none, and is gone again afterwards", () => {
    const changed = install(undefined);
    expect(parse(changed)["version"]).toBe(2);
    expect(snapshotterSettingOf(changed, "it")).toEqual(ours);
    expect(withoutSnapshotter(changed)).toBeUndefined();
  });

  it("has the transfer service unpack for our snapshotter too, and tell it of which image a layer is", () => {
    const table = "[[plugins.'io.containerd.transfer.v1.local'.unpack_config]]\n";
    const other = `${table}platform = "linux/arm64"\nsnapshotter = "native"\n`;
    const listed = (text: string): unknown => {
      const tree = parse(text) as Record<string, Record<string, Record<string, { snapshotter: string }[]>>>;
      return tree["plugins"]?.["io.containerd.transfer.v1.local"]?.["unpack_config"]?.map((one) => one.snapshotter);
    };
    expect(listed(install(third))).toEqual(["overlayfs", "sluice"]);
    expect(listed(install(third + other))).toEqual(["native", "sluice"]);
    expect(withoutSnapshotter(install(third + other))).toBe(third + other);
    const byHand = `${third}${table}snapshotter = "sluice"\n`;
    expect(listed(install(byHand))).toEqual(["sluice"]);
    const inline = `${third}[plugins."io.containerd.transfer.v1.local"]\nunpack_config = []\n`;
    expect(listed(install(inline))).toEqual([]);
    expect(parse(install(third))["proxy_plugins"]).toMatchObject({
      sluice: { exports: { enable_remote_snapshot_annotations: "true", root: "/var/lib/sluice" } },
    });
  });

  it("keeps what was changed by others since", () => {
    const changed = install(full).replace('default_runtime_name = "runc"', 'default_runtime_name = "crun"');
    expect(withoutSnapshotter(changed)).toBe(full.replace('"runc"', '"crun"'));
  });

  it.each([
    ["version = 1\n", /version 1 .*migrate/],
    ["[plugins]\n", /version 1 .*migrate/],
    ["version = 2\n[plugins", /config\.toml/],
    [
      'version = 2\nplugins = { "io.containerd.grpc.v1.cri" = { containerd = { snapshotter = "x" } } }\n',
      /Add by hand: \[/,
    ],
    ['version = 2\nplugins."io.containerd.grpc.v1.cri".containerd.snapshotter = "x"\n', /Add by hand/],
    ['version = 2\na = """\n[plugins."io.containerd.grpc.v1.cri".containerd]\nsnapshotter = "x"\n"""\n', /Add by hand/],
  ])("that says %j is left as it is, with the reason and the cure", (text, message) => {
    expect(() => install(text)).toThrow(ContainerdConfigError);
    expect(() => install(text)).toThrow(message);
  });

  it("is changed and given back, or left alone, whatever it holds", () => {
    const line = fc.constantFrom(
      ...[
        '[plugins."io.containerd.grpc.v1.cri".containerd]',
        '  [ plugins . "io.containerd.grpc.v1.cri" . "containerd" ]',
      ],
      ...[
        'snapshotter = "native"',
        "'snapshotter' = \"x\"",
        "disable_snapshot_annotations = true # why",
        "[proxy_plugins]",
      ],
      ...[
        "[proxy_plugins.sluice]",
        'address = "/x"',
        "# comment",
        "",
        "a = [",
        "1,",
        "]",
        '["b"]',
        'c = """',
        '"""',
        "[[d]]",
        "e = { f = 1 }",
      ],
    );
    const eol = fc.constantFrom("\n", "\r\n");
    const texts = fc
      .tuple(fc.array(fc.tuple(line, eol), { maxLength: 14 }), fc.boolean())
      .map(([lines, isOpen]) => `version = 2\n${lines.flat().join("")}`.slice(0, isOpen ? -1 : undefined));
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const changed = install(text);
          expect(snapshotterSettingOf(changed, "it")).toEqual(ours);
          expect(withoutSnapshotter(changed)).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ContainerdConfigError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
