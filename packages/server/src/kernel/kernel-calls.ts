/** What a call said; `errno` counts when the result is negative. */
interface CallResult {
  readonly result: number;
  readonly errno: number;
}

/** The functions of the C library that Node lacks. */
export interface KernelCalls {
  /** sendfile(2), on a thread of libuv's pool. The caller keeps both descriptors open until it ends. */
  sendFile(to: number, from: number, offset: number, bytes: number): Promise<CallResult>;
  /** fcntl(2) with F_DUPFD_CLOEXEC: another descriptor of the same, which no child process inherits. Negative when there is none. */
  duplicate(descriptor: number): number;
}

const F_DUPFD_CLOEXEC = 1030;

let loaded: Promise<KernelCalls | undefined> | undefined;

/** Loaded once, when they are first wanted. @returns undefined where they cannot be had: another system, or no build of koffi for it */
export function loadKernelCalls(): Promise<KernelCalls | undefined> {
  loaded ??= load().catch(() => undefined);
  return loaded;
}

async function load(): Promise<KernelCalls | undefined> {
  if (process.platform !== "linux") return undefined;
  const { default: koffi } = await import("koffi");
  const libc = koffi.load(null);
  const sendfile = libc.func("int64_t sendfile64(int to, int from, _Inout_ int64_t *offset, size_t bytes)");
  const fcntl = libc.func("int fcntl(int fd, int command, int argument)");
  return {
    sendFile: (to, from, offset, bytes) =>
      new Promise((resolve, reject) => {
        sendfile.async(to, from, [offset], bytes, (error: unknown, result: number) => {
          if (error) reject(error);
          else resolve({ result, errno: result < 0 ? koffi.errno() : 0 });
        });
      }),
    duplicate: (descriptor) => fcntl(descriptor, F_DUPFD_CLOEXEC, 0),
  };
}
