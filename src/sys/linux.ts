// The few system calls that Node does not have, through koffi: fs-verity (include/uapi/linux/fsverity.h), flock(2),
// syncfs(2) and renameat2(2). Loaded when first needed, since --help and digests on other systems must not need it.

import { createRequire } from "node:module";
import { constants } from "node:os";

/** A call's outcome: undefined when it worked, else the errno's name. */
export type Errno = string | undefined;

export interface LinuxCalls {
  /**
   * Switches fs-verity on for a file that is open read-only and that nobody has open for writing.
   * @param algorithmId FS_VERITY_HASH_ALG_*
   */
  enableVerity(fd: number, algorithmId: number): Errno;
  /** The digest as the kernel has it, in hex; undefined when the file has none or the file system cannot. */
  measureVerity(fd: number): { readonly algorithmId: number; readonly digest: string } | undefined;
  /** Whole-file lock that belongs to the open file description. `shared` and `exclusive` do not wait. */
  flock(fd: number, operation: "shared" | "exclusive" | "unlock"): Errno;
  /** Writes back everything of the file system that the descriptor is on. */
  syncfs(fd: number): Errno;
  /** `EEXIST` when the new name is taken, `EINVAL` or `ENOSYS` where file system or libc cannot. */
  renameNoReplace(from: string, to: string): Errno;
}

const FS_IOC_ENABLE_VERITY = 0x40806685;
const FS_IOC_MEASURE_VERITY = 0xc0046686;
const ENABLE_ARG_SIZE = 128;
const VERITY_BLOCK_SIZE = 4096;
const MAX_DIGEST_SIZE = 64;
/** fcntl.h */
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
const AT_FDCWD = -100;
/** linux/fs.h */
const RENAME_NOREPLACE = 1;

const errnoNames: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, value]) => [value, name]),
);

let calls: LinuxCalls | undefined | null = null;

/** Undefined where there is no Linux or no koffi for it. */
export function linuxCalls(): LinuxCalls | undefined {
  if (calls === null) calls = process.platform === "linux" ? load() : undefined;
  return calls;
}

type Koffi = typeof import("koffi");

function load(): LinuxCalls | undefined {
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)("koffi") as Koffi;
  } catch {
    // A platform for which koffi has no binary: everything works but fs-verity and locks.
    return undefined;
  }
  // Symbols of the process itself: the same for glibc and musl.
  const libc = koffi.load(null);
  const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)");
  const flock = libc.func("int flock(int fd, int operation)");
  const syncfs = libc.func("int syncfs(int fd)");
  const renameat2 = optional(() =>
    libc.func("int renameat2(int fromDir, const char *from, int toDir, const char *to, unsigned int flags)"),
  );
  const outcome = (result: number): Errno => {
    if (result >= 0) return undefined;
    return errnoNames.get(koffi.errno()) ?? `errno ${koffi.errno()}`;
  };
  return {
    enableVerity(fd, algorithmId) {
      const argument = Buffer.alloc(ENABLE_ARG_SIZE);
      argument.writeUInt32LE(1, 0);
      argument.writeUInt32LE(algorithmId, 4);
      argument.writeUInt32LE(VERITY_BLOCK_SIZE, 8);
      return outcome(ioctl(fd, FS_IOC_ENABLE_VERITY, argument));
    },
    measureVerity(fd) {
      const argument = Buffer.alloc(4 + MAX_DIGEST_SIZE);
      argument.writeUInt16LE(MAX_DIGEST_SIZE, 2);
      if (outcome(ioctl(fd, FS_IOC_MEASURE_VERITY, argument)) !== undefined) return undefined;
      return {
        algorithmId: argument.readUInt16LE(0),
        digest: argument.toString("hex", 4, 4 + argument.readUInt16LE(2)),
      };
    },
    flock(fd, operation) {
      const flags = { shared: LOCK_SH | LOCK_NB, exclusive: LOCK_EX | LOCK_NB, unlock: LOCK_UN };
      return outcome(flock(fd, flags[operation]));
    },
    syncfs(fd) {
      return outcome(syncfs(fd));
    },
    renameNoReplace(from, to) {
      if (renameat2 === undefined) return "ENOSYS";
      return outcome(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE));
    },
  };
}

/** A function that older versions of a libc lack: musl has renameat2 since 1.2.6. */
function optional<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    // koffi throws for a symbol that is not there.
    return undefined;
  }
}
