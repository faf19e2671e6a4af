/** Name of the service of systemd. */
export const serviceName = "sluice.service";

export interface ServiceOptions {
  /** Program and its first words, absolute. */
  readonly entry: readonly string[];
  readonly dataRoot: string;
  readonly socket: string;
}

/**
 * The unit of the node. `KillMode=process`: a stop or restart of the service ends the keeper, which hands the mounts to its daemon; systemd must not kill that
 * one with it. The folder of the socket outlives a restart for the same reason.
 */
export function serviceUnit({ entry, dataRoot, socket }: ServiceOptions): string {
  const words = [...entry, "--root", dataRoot, "snapshotter", "--address", socket];
  return `# Written by \`sluice node install\`; removed by \`sluice node uninstall\`.
[Unit]
Description=sluice: streams container images
After=network-online.target
Wants=network-online.target
Before=containerd.service

[Service]
ExecStart=${words.map(escaped).join(" ")}
ExecReload=/bin/kill -HUP $MAINPID
KillMode=process
OOMPolicy=continue
OOMScoreAdjust=-999
Restart=always
RestartSec=1
LimitNOFILE=1048576
RuntimeDirectory=sluice
RuntimeDirectoryPreserve=yes

[Install]
WantedBy=multi-user.target
`;
}

/** systemd.service(5), "Command lines". */
const escaped = (word: string): string =>
  /^[A-Za-z0-9_./:@=-]+$/.test(word) ? word : `"${word.replace(/[\\"]/g, "\\$&").replace(/[%$]/g, "$&$&")}"`;
