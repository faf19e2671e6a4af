import { type ContainerdPlaces, containerdFindings, kubernetesFindings } from "./containerd-findings.js";
import type { Finding } from "./finding.js";
import {
  clockFinding,
  diskFinding,
  driverFindings,
  fileBackedFinding,
  fuseFinding,
  kernelFinding,
  overlayFinding,
  registryFindings,
  resendFinding,
  runcFinding,
  systemFinding,
} from "./machine-findings.js";
import type { MachineProbes } from "./machine-probes.js";

/** Whether images can be streamed here at all: nothing fails. */
export interface MachineReport {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

export interface CheckOptions {
  readonly dataRoot: string;
  /** Registries that this node must reach. */
  readonly registries: readonly string[];
  readonly containerd: ContainerdPlaces;
}

/** Looks at what a node needs from its machine. Changes nothing. */
export async function checkMachine(probes: MachineProbes, options: CheckOptions): Promise<MachineReport> {
  const system = await systemFinding(probes);
  if (system.state === "failing") return { ok: false, findings: [system] };
  const rest = await Promise.all([
    kernelFinding(probes),
    fuseFinding(probes),
    driverFindings(probes),
    fileBackedFinding(probes),
    resendFinding(probes),
    overlayFinding(probes),
    runcFinding(probes),
    containerdFindings(probes, options.containerd),
    kubernetesFindings(probes),
    diskFinding(probes, options.dataRoot),
    registryFindings(probes, options.registries),
    clockFinding(probes),
  ]);
  const findings = [system, ...rest.flat()];
  return { ok: findings.every(({ state }) => state !== "failing"), findings };
}
