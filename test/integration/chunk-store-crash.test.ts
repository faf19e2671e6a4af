import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openChunkStore } from "@sluice/store";
import { seededChunk } from "@sluice/store/testing";
import { expect, it } from "vitest";

const writer = fileURLToPath(new URL("../support/store-writer.mjs", import.meta.url));

it("gives back only right bytes after its process was killed at random moments, again and again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-crash-"));
  try {
    const chunks = Array.from({ length: 400 }, (_, i) => seededChunk(i, 20_000 + (i % 7) * 10_000));
    let found = 0;
    for (let life = 0; life < 10; life++) {
      const child = spawn(process.execPath, [writer, folder, String(life * 40)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(child.stdout, "data");
      await sleep(20 + ((life * 37) % 150));
      child.kill("SIGKILL");
      await once(child, "exit");

      const store = await openChunkStore({ folder, budgetBytes: 16 * 1024 * 1024, maxSlots: 1000 });
      found = 0;
      for (const { id, bytes } of chunks) {
        if (!(await store.has(id))) continue;
        expect(Buffer.compare(await store.get(id), bytes)).toBe(0);
        found++;
      }
      expect(store.stats()).toMatchObject({ damaged: 0 });
      expect(store.stats().bytes).toBeLessThanOrEqual(16 * 1024 * 1024);
      await store.close();
    }
    expect(found).toBeGreaterThan(20);
  } finally {
    await rm(folder, { recursive: true });
  }
});
