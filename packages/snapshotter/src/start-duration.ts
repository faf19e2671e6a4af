/** For so long a start that is recorded or streams in goes without read-ahead of the kernel. docs/adr/0009-startup.md Milliseconds. */
export const startMs = 30_000;
