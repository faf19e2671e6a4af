import { once } from "node:events";
import net from "node:net";

/** One link between a node and its registry. */
export interface LinkShape {
  /** Bytes per second, towards the node; all connections share it. */
  readonly bytesPerSecond: number;
  /** Both ways together. Milliseconds. */
  readonly roundTripMs: number;
}

export interface ShapedLink {
  readonly port: number;
  /** Bytes that went towards the node so far. */
  bytesToNode(): number;
  close(): Promise<void>;
}

/**
 * A TCP relay on loopback that behaves like a link of the given rate and round-trip time, in user space, so it needs no rights.
 * Opening a connection costs one round trip, as TCP's handshake does. Slow start and loss are not modelled. Queued bytes are bounded by
 * about two bandwidth-delay products and 256 KiB per connection.
 */
export async function shapeLink(target: { host: string; port: number }, shape: LinkShape): Promise<ShapedLink> {
  const open = new Set<net.Socket>();
  const towardsNode = new Pacer(shape.bytesPerSecond);
  const towardsRegistry = new Pacer(shape.bytesPerSecond);
  const maxQueuedBytes = 256 * 1024 + 2 * shape.bytesPerSecond * (shape.roundTripMs / 1000);
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (node) => {
    const registry = net.connect({ ...target, allowHalfOpen: true, noDelay: true });
    for (const socket of [node, registry]) {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
      socket.on("error", () => {
        node.destroy();
        registry.destroy();
      });
    }
    const handshakeUntil = performance.now() + shape.roundTripMs;
    relay(node, registry, towardsRegistry, shape.roundTripMs / 2, maxQueuedBytes, handshakeUntil);
    relay(registry, node, towardsNode, shape.roundTripMs / 2, maxQueuedBytes, 0);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the shaped link has no port");
  return {
    port: address.port,
    bytesToNode: () => towardsNode.bytes,
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** When the last of `size` bytes has left, if they queue behind all that was sent before. */
class Pacer {
  bytes = 0;
  readonly #bytesPerMs: number;
  #busyUntil = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  send(size: number): number {
    this.bytes += size;
    this.#busyUntil = Math.max(this.#busyUntil, performance.now()) + size / this.#bytesPerMs;
    return this.#busyUntil;
  }
}

/** Pieces this small leave one by one, so that connections share the link fairly. Bytes. */
const pieceBytes = 16 * 1024;

function relay(
  from: net.Socket,
  to: net.Socket,
  pacer: Pacer,
  delayMs: number,
  maxQueuedBytes: number,
  notBefore: number,
): void {
  const queue: { bytes: Buffer | null; due: number }[] = [];
  let queuedBytes = 0;
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    timer = undefined;
    const now = performance.now();
    while (queue[0] && queue[0].due <= now) {
      const { bytes } = queue.shift() as (typeof queue)[number]; // looked at in the line above
      if (bytes === null) {
        to.end();
        continue;
      }
      queuedBytes -= bytes.length;
      to.write(bytes);
    }
    if (queuedBytes < maxQueuedBytes && to.writableLength < maxQueuedBytes) from.resume();
    if (queue[0]) timer = setTimeout(flush, Math.max(1, queue[0].due - now));
  };

  const push = (bytes: Buffer | null): void => {
    const sent = Math.max(bytes === null ? performance.now() : pacer.send(bytes.length), notBefore);
    queue.push({ bytes, due: sent + delayMs });
    queuedBytes += bytes?.length ?? 0;
    timer ??= setTimeout(flush, Math.max(1, (queue[0]?.due ?? 0) - performance.now()));
  };

  from.on("data", (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; at += pieceBytes) push(bytes.subarray(at, at + pieceBytes));
    if (queuedBytes >= maxQueuedBytes) from.pause();
  });
  from.on("end", () => push(null));
  from.on("close", () => {
    if (!from.readableEnded) to.destroy();
  });
  to.on("close", () => {
    clearTimeout(timer);
    from.destroy();
  });
}
