import { snapshotterSettingOf } from "../install/containerd-config.js";
import { snapshotterName } from "../install/snapshotter-name.js";
import { degraded, type Finding, failing, fine } from "./finding.js";
import type { MachineProbes } from "./machine-probes.js";

const oldestContainerd = [1, 6] as const;
const oldestKubernetes = [1, 26] as const;

export interface ContainerdPlaces {
  /** Of containerd itself. */
  readonly socket: string;
  readonly config: string;
}

/** containerd, as a node of it needs it. A machine without containerd still mounts and runs images. */
export async function containerdFindings(probes: MachineProbes, places: ContainerdPlaces): Promise<readonly Finding[]> {
  const file = await probes.program("containerd");
  if (file === undefined) {
    return [
      degraded("containerd", "not on PATH: only needed for containerd's own images", "install containerd 1.6 or later"),
    ];
  }
  const said = (await probes.output(file, ["--version"])) ?? "";
  const version = / v?(\d+)\.(\d+)\.[^\s]*/.exec(said);
  const detail = `${file}: ${version?.[0].trim() ?? "of unknown version"}`;
  const isOld = version !== null && isBefore([Number(version[1]), Number(version[2])], oldestContainerd);
  return [
    isOld ? failing("containerd", detail, "use containerd 1.6 or later") : fine("containerd", detail),
    await socketFinding(probes, places),
    ...(await configFindings(probes, places.config)),
  ];
}

/** A machine that is no node of containerd yet does not need it to run. */
async function socketFinding({ isThere, text }: MachineProbes, { socket, config }: ContainerdPlaces): Promise<Finding> {
  const name = "containerd-socket";
  if (await isThere(socket)) return fine(name, socket);
  const isNode = ((await text(config)) ?? "").includes(`proxy_plugins.${snapshotterName}`);
  return (isNode ? failing : degraded)(name, `${socket} is not there`, "start containerd (systemctl start containerd)");
}

async function configFindings({ isThere, text }: MachineProbes, file: string): Promise<readonly Finding[]> {
  const name = "containerd-config";
  const cure = "run sluice node install";
  const config = await text(file);
  if (config === undefined) return [degraded(name, `${file} is not there`, cure)];
  let setting: ReturnType<typeof snapshotterSettingOf>;
  try {
    setting = snapshotterSettingOf(config, file);
  } catch (error) {
    return [failing(name, error instanceof Error ? error.message : String(error), `correct ${file}`)];
  }
  const { address, hasAnnotations, isDefault } = setting;
  if (address === undefined) return [degraded(name, `${file} does not name the snapshotter ${snapshotterName}`, cure)];
  const missing = [
    ...(isDefault ? [] : [`CRI does not use the snapshotter ${snapshotterName}`]),
    ...(hasAnnotations ? [] : ["disable_snapshot_annotations is not false, so no image is known by its name"]),
  ];
  const socket = (await isThere(address))
    ? fine("snapshotter-socket", address)
    : failing(
        "snapshotter-socket",
        `${address} is not there: containerd cannot start containers`,
        "systemctl start sluice",
      );
  return [missing.length === 0 ? fine(name, file) : failing(name, `${file}: ${missing.join("; ")}`, cure), socket];
}

/** Only where a kubelet is. */
export async function kubernetesFindings({ program, output }: MachineProbes): Promise<readonly Finding[]> {
  const file = await program("kubelet");
  if (file === undefined) return [];
  const version = /v(\d+)\.(\d+)\.\S*/.exec((await output(file, ["--version"])) ?? "");
  if (version === null) return [degraded("kubernetes", `${file}: of unknown version`)];
  const isOld = isBefore([Number(version[1]), Number(version[2])], oldestKubernetes);
  return [isOld ? failing("kubernetes", version[0], "use Kubernetes 1.26 or later") : fine("kubernetes", version[0])];
}

const isBefore = ([major, minor]: readonly [number, number], [atMajor, atMinor]: readonly [number, number]): boolean =>
  major < atMajor || (major === atMajor && minor < atMinor);
