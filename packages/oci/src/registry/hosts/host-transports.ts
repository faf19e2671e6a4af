import { readFile } from "node:fs/promises";
import { rootCertificates } from "node:tls";
import { defaultTimeouts, mirrorTimeouts, type TimeoutConfig } from "../config.js";
import { HttpTransport, type TransportOptions } from "../transport.js";
import type { HostSettings } from "./host-settings.js";

/** Certificates, keys and authorities are a few kilobytes. Bytes. */
const maxPemBytes = 1024 * 1024;

export interface HostTransportsOptions extends Omit<TransportOptions, "timeouts"> {
  readonly timeouts?: Partial<TimeoutConfig> | undefined;
  readonly mirrorTimeouts?: Partial<TimeoutConfig> | undefined;
}

/** The connections to hosts: one pool for all that are reached alike. A pool is made anew when a file that it was made of has changed. */
export class HostTransports {
  readonly #options: HostTransportsOptions;
  readonly #transports = new Map<string, HttpTransport>();

  constructor(options: HostTransportsOptions) {
    this.#options = options;
  }

  /** @throws what reading the files of the settings throws */
  async of(settings: HostSettings, role: "mirror" | "server"): Promise<HttpTransport> {
    const tls = await tlsOf(settings);
    const { dialTimeoutMs } = settings;
    const key = JSON.stringify([role, tls, dialTimeoutMs]);
    const known = this.#transports.get(key);
    if (known !== undefined) return known;
    const { timeouts, mirrorTimeouts: ofMirrors, ...rest } = this.#options;
    const patience = role === "mirror" ? { ...mirrorTimeouts, ...ofMirrors } : { ...defaultTimeouts, ...timeouts };
    const transport = new HttpTransport({
      ...rest,
      ...tls,
      timeouts: { ...patience, ...(dialTimeoutMs !== undefined && dialTimeoutMs > 0 && { connectMs: dialTimeoutMs }) },
    });
    this.#transports.set(key, transport);
    return transport;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#transports.values()].map((transport) => transport.close()));
  }
}

type Tls = Pick<TransportOptions, "ca" | "clientCertificates" | "insecureSkipVerify">;

async function tlsOf({ caFiles, clientFiles, skipVerify }: HostSettings): Promise<Tls> {
  const ca = await Promise.all(caFiles.map(readPem));
  const clientCertificates = await Promise.all(
    clientFiles.map(async ([certificate, key]) => {
      const cert = await readPem(certificate);
      return { cert, key: key === undefined ? cert : await readPem(key) };
    }),
  );
  return {
    ...(ca.length > 0 && { ca: [...rootCertificates, ...ca] }),
    ...(clientCertificates.length > 0 && { clientCertificates }),
    ...(skipVerify === true && { insecureSkipVerify: true }),
  };
}

async function readPem(file: string): Promise<string> {
  const text = await readFile(file, "utf8");
  if (text.length > maxPemBytes)
    throw new RangeError(`${file}: larger than ${maxPemBytes} bytes, no certificate or key is`);
  return text;
}
