import { join } from "node:path";

/** What differs from containerd's defaults. */
export interface ContainerdSettings {
  /** Reference of the image of the process that holds a pod's namespaces. */
  readonly sandboxImage?: string | undefined;
  /** Folder of `HOST/hosts.toml`. */
  readonly hostsFolder?: string | undefined;
  /** Folder of the configurations of pod networks; without one, pods have the network of the host. */
  readonly networksFolder?: string | undefined;
}

/** Of Debian's containernetworking-plugins. */
const networkPrograms = "/usr/lib/cni";

/** containerd's configuration with everything it keeps in `folder`: version 3 for a program of containerd 2, else version 2. */
export function configuration(program: string, folder: string, settings: ContainerdSettings): string {
  const isSecond = program.includes("containerd2");
  const path = (name: string): string => JSON.stringify(join(folder, name));
  return [
    `version = ${isSecond ? 3 : 2}`,
    `root = ${path("root")}`,
    `state = ${path("state")}`,
    `[grpc]\naddress = ${path("c.sock")}`,
    ...(isSecond ? second(settings) : first(settings)),
    "",
  ].join("\n");
}

function first({ sandboxImage, hostsFolder, networksFolder }: ContainerdSettings): string[] {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return [
    `[${cri}]\nstats_collect_period = 1\nrestrict_oom_score_adj = true`, // machines of CI may not lower it
    ...line("sandbox_image", sandboxImage),
    `[${cri}.registry]`,
    ...line("config_path", hostsFolder),
    `[${cri}.cni]\nbin_dir = "${networkPrograms}"`,
    ...line("conf_dir", networksFolder),
  ];
}

function second({ sandboxImage, hostsFolder, networksFolder }: ContainerdSettings): string[] {
  return [
    '[plugins."io.containerd.cri.v1.images"]\nstats_collect_period = 1',
    '[plugins."io.containerd.cri.v1.images".pinned_images]',
    ...line("sandbox", sandboxImage),
    '[plugins."io.containerd.cri.v1.images".registry]',
    ...line("config_path", hostsFolder),
    '[plugins."io.containerd.cri.v1.runtime"]\nrestrict_oom_score_adj = true',
    `[plugins."io.containerd.cri.v1.runtime".cni]\nbin_dirs = ["${networkPrograms}"]`,
    ...line("conf_dir", networksFolder),
  ];
}

const line = (key: string, value: string | undefined): string[] =>
  value === undefined ? [] : [`${key} = ${JSON.stringify(value)}`];
