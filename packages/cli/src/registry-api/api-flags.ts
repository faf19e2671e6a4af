import type { Command } from "commander";

/** The flags of verbs that manage a registry; which one, `--registry` says. */
export const withApiFlags = (command: Command): Command =>
  command
    .option("--username <name>", "who manages the registry (default: what `docker login` keeps)")
    .option("--password-stdin", "read the password from stdin");
