import { type LookupAddress, type LookupOptions, lookup as systemLookup } from "node:dns";
import { BlockList, isIP, isIPv4, type LookupFunction } from "node:net";

/** Says why no connection may be made to an IP address; undefined when it may. */
export type AddressRule = (address: string) => string | undefined;

/** An address that requests must not reach, whatever name led to it. */
export class AddressRefusedError extends Error {
  override readonly name = "AddressRefusedError";
  readonly code = "ADDRESS_REFUSED";
  constructor(host: string, address: string, reason: string) {
    super(`${host === address ? address : `${host} is ${address}, which`} ${reason}`);
  }
}

/** Subnets by the IANA registries of special-purpose addresses, and the metadata services of clouds that lie outside of them. */
const neverV4 = ["0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "192.0.0.192/32", "168.63.129.16/32"];
const neverV6 = ["::/128", "fe80::/10", "ff00::/8", "2001::/32", "2002::/16", "fd00:ec2::254/128", "fd20:ce::254/128"];
const privateV4 = ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16"];
const alibabaMetadata = "100.100.100.200/32";
const privateV6 = ["::1/128", "fc00::/7", "fec0::/10"];

/** NAT64 (RFC 6052) puts IPv4 addresses behind this prefix: what is refused there is refused here. */
const nat64Of = (subnet: string): string => {
  const [address = "", bits = "32"] = subnet.split("/");
  return `64:ff9b::${address}/${96 + Number(bits)}`;
};

/**
 * For a service that connects where its callers say: metadata services, link-local and multicast addresses never; addresses of private networks
 * and of this machine only when `allowPrivate`.
 */
export function addressRule({ allowPrivate }: { readonly allowPrivate: boolean }): AddressRule {
  const v4 = [...neverV4, alibabaMetadata];
  const never = blockList([...v4, ...v4.map(nat64Of), ...neverV6, "64:ff9b:1::/48"]);
  const inside = blockList([...privateV4, "198.18.0.0/15", ...privateV4.map(nat64Of), ...privateV6]);
  return (address) => {
    const family = isIPv4(address) ? "ipv4" : "ipv6";
    if (never.check(address, family)) return "is an address that is never asked (link-local, metadata or multicast)";
    const refused = !allowPrivate && inside.check(address, family);
    return refused ? "is private: an administrator can allow such addresses (serve.outgoing.allowPrivate)" : undefined;
  };
}

/** Resolves names as the system does, and refuses those with an address that is against the rule: what was looked at is what is connected to. */
export function guardedLookup(rule: AddressRule): LookupFunction {
  return (hostname, options: LookupOptions, callback) => {
    systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
      const refused = error ?? refusalOf(hostname, addresses, rule);
      const [first] = addresses ?? [];
      if (refused !== undefined || first === undefined) callback(refused ?? new Error(`${hostname}: no address`), []);
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

/** A host that is an address itself is not looked up. @throws {AddressRefusedError} */
export function checkLiteral(hostname: string, rule: AddressRule): void {
  const address = hostname.replace(/^\[|\]$/g, "");
  if (isIP(address) === 0) return;
  const reason = rule(address);
  if (reason !== undefined) throw new AddressRefusedError(address, address, reason);
}

function refusalOf(
  hostname: string,
  addresses: readonly LookupAddress[],
  rule: AddressRule,
): AddressRefusedError | undefined {
  for (const { address } of addresses) {
    const reason = rule(address);
    if (reason !== undefined) return new AddressRefusedError(hostname, address, reason);
  }
  return undefined;
}

function blockList(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = "", bits] = subnet.split("/");
    list.addSubnet(address, Number(bits), isIPv4(address) ? "ipv4" : "ipv6");
  }
  return list;
}
