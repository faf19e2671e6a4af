/** Whether `error` is the operating system's, with this code (`ENOENT`, `EBUSY`, …). */
export const isErrno = (error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException =>
  error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
