// Puts chunks into a store until it is killed; prints a line when it has begun. Its own process, so that it can be killed.
import { openChunkStore } from "@sluice/store";
import { seededChunk } from "@sluice/store/testing";

const [folder, first] = process.argv.slice(2);
const store = await openChunkStore({ folder, budgetBytes: 16 * 1024 * 1024, maxSlots: 1000 });
process.stdout.write("begun\n");
for (let i = Number(first); ; i += 8) {
  const batch = Array.from({ length: 8 }, (_, k) =>
    seededChunk((i + k) % 400, 20_000 + (((i + k) % 400) % 7) * 10_000),
  );
  await Promise.all(batch.map((chunk) => store.put(chunk)));
}
