import { getSystemErrorName } from "node:util";

/** A system call said no. `code` is the errno's name, such as `EBUSY`. */
export class KernelCallError extends Error {
  override readonly name = "KernelCallError";
  readonly code: string;
  /** Positive. */
  readonly errno: number;
  readonly call: string;

  /** @param what the call with its telling arguments, such as `mount(erofs on /mnt/a)` */
  constructor(call: string, what: string, errno: number) {
    const code = errno > 0 ? getSystemErrorName(-errno) : "UNKNOWN";
    super(`${call}(${what}): ${code}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}
