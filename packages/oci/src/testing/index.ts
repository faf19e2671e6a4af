export type { AccessOptions } from "./access.js";
export { playTimeline, seededTimeline, type TimedFault, type TimelineOptions } from "./fault-timeline.js";
export { type Fault, FaultPlan, type FaultRule, type FaultyRequest } from "./faults.js";
export { MemoryRepository, MemoryStore } from "./memory-store.js";
export { missingPrograms, toolsFolder } from "./programs.js";
export { collect, inPieces, noise, repositorySuite, type SuiteRunner } from "./repository-suite.js";
export { seededRandom } from "./seeded-random.js";
export { type RecordedRequest, TestRegistry, type TestRegistryOptions } from "./test-registry.js";
