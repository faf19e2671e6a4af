#!/usr/bin/env node
// The process of the daemon. Its keeper starts it, and starts it again, with readers waiting: no command line is built here. People type `sluice daemon`.
const { daemonProcess } = await import("../dist/daemon-process.js");
process.exitCode = await daemonProcess(process.argv.slice(2));
