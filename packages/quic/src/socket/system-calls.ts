import { createRequire } from 'node:module';
import { constants, endianness } from 'node:os';

/**
 * The system calls of Linux that `node:dgram` does not make, by koffi: the only file that knows of it, for Node will have
 * an interface of its own (`node:ffi`). A call returns -1 when it failed; then `errno` says why. Memory that is handed over
 * holds addresses of other memory: its owner keeps all of that alive.
 */
export interface SystemCalls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, bytes: number): number;
  /** Of a UDP socket: sends nothing, and chooses the route. */
  connect(fd: number, address: Uint8Array, bytes: number): number;
  close(fd: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, bytes: number): number;
  /** `bytes`: the length of `value`, 4 bytes, which may become less. */
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, bytes: Uint8Array): number;
  sendmmsg(fd: number, messages: Uint8Array, count: number, flags: number): number;
  recvmmsg(fd: number, messages: Uint8Array, count: number, flags: number, timeout: null): number;
  /** Name of the last call's error, such as `EAGAIN`. */
  errno(): string;
  /** Where the memory lies; it must be its buffer's own, which V8 does not move. */
  addressOf(memory: Uint8Array): bigint;
}

/** What this package needs of koffi. */
interface Koffi {
  load(library: null): { func(signature: string): (...args: unknown[]) => number };
  errno(): number;
  address(memory: Uint8Array): bigint;
}

/** The calls, and the layouts in memory that go with them; undefined where there are none. */
export function loadSystemCalls(): SystemCalls | undefined {
  // `msghdr` is laid out alike on both, by glibc and musl: musl's padding lies where the upper half of glibc's numbers is.
  const isKnown = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch) && endianness() === 'LE';
  if (!isKnown) return undefined;
  try {
    return callsOf(createRequire(import.meta.url)('koffi') as Koffi);
  } catch {
    // Not installed: it is optional.
    return undefined;
  }
}

function callsOf(koffi: Koffi): SystemCalls {
  const library = koffi.load(null);
  return {
    socket: library.func('int socket(int, int, int)'),
    bind: library.func('int bind(int, const void *, uint32_t)'),
    connect: library.func('int connect(int, const void *, uint32_t)'),
    close: library.func('int close(int)'),
    setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)'),
    getsockopt: library.func('int getsockopt(int, int, int, void *, void *)'),
    sendmmsg: library.func('int sendmmsg(int, void *, uint32_t, int)'),
    recvmmsg: library.func('int recvmmsg(int, void *, uint32_t, int, void *)'),
    errno: () => errnoName(koffi.errno()),
    addressOf: (memory) => koffi.address(memory),
  };
}

function errnoName(number: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === number) return name;
  return `errno ${number}`;
}
