import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PieceFeed } from "./piece-feed.js";
import { PieceInbox } from "./piece-inbox.js";

/** A feed and an inbox as two threads have them, without the threads. */
function connected(): { readonly feed: PieceFeed; readonly inbox: PieceInbox; readonly ahead: () => number } {
  let ahead = 0;
  const feed: PieceFeed = new PieceFeed({
    piece: (bytes) => {
      ahead++;
      inbox.push(bytes);
    },
    end: (broken) => inbox.end(broken ? new Error("broken") : undefined),
  });
  const inbox: PieceInbox = new PieceInbox(() => {
    ahead--;
    feed.taken();
  });
  return { feed, inbox, ahead: () => ahead };
}

async function read(inbox: PieceInbox): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of inbox) pieces.push(piece);
  return Buffer.concat(pieces);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a stream fed to another thread", () => {
  it("arrives whole and in order, whatever its pieces", async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 600_000 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        const pieces = lengths.map((length) => randomBytes(length));
        const { feed, inbox } = connected();
        const [, received] = await Promise.all([feed.run(inTurns(pieces)), read(inbox)]);
        expect(received.equals(Buffer.concat(pieces))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it("is read no further than a few pieces ahead of its reader", async () => {
    let given = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        given += 100_000;
        yield Buffer.alloc(100_000);
      }
    }
    const { feed, inbox, ahead } = connected();
    const running = feed.run(endless());
    for (let i = 0; i < 200; i++) await turn();
    expect(ahead()).toBe(4);
    expect(given).toBeLessThan(1_500_000);
    const reader = inbox[Symbol.asyncIterator]();
    for (let i = 0; i < 10; i++) await reader.next();
    expect(given).toBeGreaterThan(2_000_000);
    feed.stop();
    await running;
  });

  it("is closed when nobody wants it any more", async () => {
    let closed = false;
    async function* closing(): AsyncGenerator<Buffer> {
      try {
        for (;;) yield Buffer.alloc(300_000);
      } finally {
        closed = true;
      }
    }
    const { feed } = connected();
    const running = feed.run(closing());
    await turn();
    feed.stop();
    await running;
    expect(closed).toBe(true);
  });

  it("breaks for its reader behind what came before, and keeps the reason here", async () => {
    const reason = new Error("connection reset");
    async function* breaking(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(300_000);
      throw reason;
    }
    const { feed, inbox } = connected();
    const received = read(inbox);
    await feed.run(breaking());
    await expect(received).rejects.toThrow("broken");
    expect(feed.failure?.error).toBe(reason);
  });
});

async function* inTurns(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    await turn();
    yield piece;
  }
}
