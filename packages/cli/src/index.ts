/** Runs one command line. @returns the exit code: 0 done, 1 failed, 2 wrong usage */
export async function main(_args: readonly string[]): Promise<number> {
  return 0;
}
