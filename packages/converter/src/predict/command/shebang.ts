/** The command line that `#!` in the first line of a script means, without the script itself; undefined for what is no script. execve(2) */
export function parseShebang(start: Buffer): readonly string[] | undefined {
  if (start[0] !== 0x23 || start[1] !== 0x21) return undefined;
  const end = start.indexOf(0x0a);
  const line = start.toString("latin1", 2, end === -1 ? start.length : end).trim();
  const [, program, argument] = /^(\S+)(?:\s+(.*))?$/.exec(line) ?? [];
  if (program === undefined) return undefined;
  return argument === undefined ? [program] : [program, argument];
}
