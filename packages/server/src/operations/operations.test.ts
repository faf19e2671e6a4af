import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LevelMetadataStore } from "../metadata/level-metadata-store.js";
import { operationsSuite } from "../testing/operations-suite.js";

operationsSuite("LevelMetadataStore", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-operations-"));
  const store = await LevelMetadataStore.open(folder);
  return {
    records: store.records,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
});
