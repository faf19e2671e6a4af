import koffi, { type KoffiFunc } from "koffi";
import { KernelCallError } from "./kernel-call-error.js";
import { inMountLane, inUnmountLane } from "./lanes.js";

/** The C library of the running process: glibc or musl, whatever Node itself was linked against. */
const libc = koffi.load(null);

type Call<A extends unknown[]> = KoffiFunc<(...args: A) => number>;

const mountFunction: Call<[string, string, string | null, number, string | null]> = libc.func(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
const umountFunction: Call<[string, number]> = libc.func("int umount2(const char *target, int flags)");
const ioctlFunction: Call<[number, number, Uint8Array]> = libc.func(
  "int ioctl(int fd, unsigned long request, void *argument)",
);
const clockGettimeFunction: Call<[number, Uint8Array]> = libc.func("int clock_gettime(int clock, void *time)");
const unshareFunction: Call<[number]> = libc.func("int unshare(int flags)");

/**
 * Runs a call on a thread of libuv's pool, so that a call that waits (for a disk that this very process serves, say) blocks nobody.
 * koffi hands the errno of that thread to the callback. Only through lanes.ts: see there why.
 */
function later<A extends unknown[]>(call: string, what: string, run: Call<A>, ...args: A): Promise<number> {
  return new Promise((resolve, reject) => {
    run.async(...args, (error: unknown, result: number) => {
      if (error) reject(error);
      else if (result < 0) reject(new KernelCallError(call, what, koffi.errno()));
      else resolve(result);
    });
  });
}

/** mount(2). @param at another path of `target` for the kernel @throws {KernelCallError} */
export async function mountCall(
  source: string,
  target: string,
  type: string | null,
  flags: number,
  data: string | null,
  at: string = target,
): Promise<void> {
  const what = `${type ?? "flags"} on ${target}`;
  await inMountLane(() => later("mount", what, mountFunction, source, at, type, flags, data));
}

/** umount2(2). @throws {KernelCallError} */
export async function umountCall(target: string, flags: number): Promise<void> {
  await inUnmountLane(() => later("umount2", target, umountFunction, target, flags));
}

/** umount2(2) on this thread, for a process that is about to end. @returns 0 or the errno */
export function umountCallSync(target: string, flags: number): number {
  return umountFunction(target, flags) < 0 ? koffi.errno() : 0;
}

/** ioctl(2) with a structure that the kernel reads or fills. Never blocks for the requests this folder makes. */
export function ioctlStructure(fd: number, request: number, structure: Uint8Array, what: string): number {
  const result = ioctlFunction(fd, request, structure);
  if (result < 0) throw new KernelCallError("ioctl", what, koffi.errno());
  return result;
}

/** The same, away from this thread. */
export function ioctlLater(fd: number, request: number, structure: Uint8Array, what: string): Promise<number> {
  return inMountLane(() => later("ioctl", what, ioctlFunction, fd, request, structure));
}

/** unshare(2), of the calling thread. */
export function unshareCall(flags: number): void {
  if (unshareFunction(flags) < 0) throw new KernelCallError("unshare", `flags ${flags}`, koffi.errno());
}

/** clock_gettime(2): fills a struct timespec. */
export function clockGettime(clock: number, time: Uint8Array): void {
  if (clockGettimeFunction(clock, time) < 0)
    throw new KernelCallError("clock_gettime", `clock ${clock}`, koffi.errno());
}
