// What a process that will be a daemon begins with: its threads load their modules while it loads its own.

export { prepareThreads } from "./fuse/session/prepared-threads.js";
export { defaultDevices } from "./keeper/keeper-plan.js";
