import { bytes65, bytes4096, bytes4097, bytes262145 } from "../contents.ts";
import { dump, type FixtureCase, stored } from "../fixture.ts";
import { directory, file, hardlink, opaque, symlink, tar, whiteout } from "../tar-builder.ts";

/** cap_net_raw=ep: struct vfs_cap_data revision 2 (linux/capability.h). */
const capability = "\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const BUILT = 1_767_225_600;
const UPDATED = BUILT + 86_400;

const base = { mtime: BUILT };
const update = { mtime: UPDATED };

export const demo: FixtureCase = {
  name: "demo",
  about: "A small operating system in three layers, the image of the README's example.",
  layers: [
    {
      tar: tar(
        directory("boot", base),
        directory("etc", base),
        file("etc/hostname", "demo\n", base),
        file("etc/machine-id", "", base),
        file("etc/shadow", "root:*::::::\n", { ...base, mode: 0o640, gid: 42 }),
        symlink("etc/os-release", "../usr/lib/os-release", base),
        symlink("bin", "usr/bin", base),
        symlink("lib", "usr/lib", base),
        symlink("sbin", "usr/sbin", base),
        directory("run", base),
        directory("sysroot", base),
        directory("tmp", { ...base, mode: 0o1777 }),
        directory("usr", base),
        directory("usr/bin", base),
        file("usr/bin/busybox", bytes262145.bytes, { ...base, mode: 0o755 }),
        hardlink("usr/bin/ls", "usr/bin/busybox", base),
        hardlink("usr/bin/sh", "usr/bin/busybox", base),
        file("usr/bin/su", bytes4097.bytes, { ...base, mode: 0o4755 }),
        directory("usr/lib", base),
        file("usr/lib/os-release", "ID=demo\nVERSION_ID=1\n", base),
        directory("usr/lib/modules", base),
        file("usr/lib/modules/old.ko", bytes4097.bytes, base),
        directory("usr/sbin", base),
        symlink("usr/sbin/init", "../lib/init", base),
        directory("usr/share", base),
        directory("usr/share/doc", base),
        file("usr/share/doc/COPYING", bytes4096.bytes, base),
        file("usr/share/doc/COPYING.copy", bytes4096.bytes, base),
        directory("var", base),
      ),
    },
    {
      tar: tar(
        directory("usr/bin", update),
        file("usr/bin/ping", bytes4097.bytes, {
          ...update,
          mode: 0o755,
          xattrs: { "security.capability": capability },
        }),
        file("usr/lib/init", bytes65.bytes, { ...update, mode: 0o755 }),
        directory("usr/share/doc", update),
        whiteout("usr/share/doc/COPYING.copy"),
      ),
      compression: "zstd",
    },
    {
      tar: tar(
        file("run/leftover", "gone in the image\n", update),
        directory("usr/lib", update),
        file("usr/lib/os-release", "ID=demo\nVERSION_ID=2\n", update),
        directory("usr/lib/modules", update),
        opaque("usr/lib/modules"),
        file("usr/lib/modules/new.ko", bytes4096.bytes, update),
      ),
      compression: "zstd:chunked",
    },
  ],
  expect: [
    {
      dump: dump(
        `/ 0 40755 2 0 0 0 ${BUILT}.0 - - -`,
        `/bin 7 120777 1 0 0 0 ${BUILT}.0 usr/bin - -`,
        `/boot 0 40755 2 0 0 0 ${BUILT}.0 - - -`,
        `/etc 0 40755 2 0 0 0 ${BUILT}.0 - - -`,
        `/etc/hostname 5 100644 1 0 0 0 ${BUILT}.0 - demo\\n -`,
        `/etc/machine-id 0 100644 1 0 0 0 ${BUILT}.0 - - -`,
        `/etc/os-release 21 120777 1 0 0 0 ${BUILT}.0 ../usr/lib/os-release - -`,
        `/etc/shadow 13 100640 1 0 42 0 ${BUILT}.0 - root:*::::::\\n -`,
        `/lib 7 120777 1 0 0 0 ${BUILT}.0 usr/lib - -`,
        `/run 0 40755 2 0 0 0 ${BUILT}.0 - - -`,
        `/sbin 8 120777 1 0 0 0 ${BUILT}.0 usr/sbin - -`,
        `/sysroot 0 40755 2 0 0 0 ${BUILT}.0 - - -`,
        `/tmp 0 41777 2 0 0 0 ${BUILT}.0 - - -`,
        `/usr 0 40755 2 0 0 0 ${BUILT}.0 - - -`,
        `/usr/bin 0 40755 2 0 0 0 ${UPDATED}.0 - - -`,
        `/usr/bin/busybox 262145 100755 3 0 0 0 ${BUILT}.0 ${stored(bytes262145)}`,
        "/usr/bin/ls 0 @100755 - - - - 0.0 /usr/bin/busybox - -",
        `/usr/bin/ping 4097 100755 1 0 0 0 ${UPDATED}.0 ${stored(bytes4097)} security.capability=\\x01\\x00\\x00\\x02\\x00\\x20${"\\x00".repeat(14)}`,
        "/usr/bin/sh 0 @100755 - - - - 0.0 /usr/bin/busybox - -",
        `/usr/bin/su 4097 104755 1 0 0 0 ${BUILT}.0 ${stored(bytes4097)}`,
        `/usr/lib 0 40755 2 0 0 0 ${UPDATED}.0 - - -`,
        `/usr/lib/init 65 100755 1 0 0 0 ${UPDATED}.0 ${stored(bytes65)}`,
        `/usr/lib/modules 0 40755 2 0 0 0 ${UPDATED}.0 - - -`,
        `/usr/lib/modules/new.ko 4096 100644 1 0 0 0 ${UPDATED}.0 ${stored(bytes4096)}`,
        `/usr/lib/os-release 21 100644 1 0 0 0 ${UPDATED}.0 - ID\\x3ddemo\\nVERSION_ID\\x3d2\\n -`,
        `/usr/sbin 0 40755 2 0 0 0 ${BUILT}.0 - - -`,
        `/usr/sbin/init 11 120777 1 0 0 0 ${BUILT}.0 ../lib/init - -`,
        `/usr/share 0 40755 2 0 0 0 ${BUILT}.0 - - -`,
        `/usr/share/doc 0 40755 2 0 0 0 ${UPDATED}.0 - - -`,
        `/usr/share/doc/COPYING 4096 100644 1 0 0 0 ${BUILT}.0 ${stored(bytes4096)}`,
        `/var 0 40755 2 0 0 0 ${BUILT}.0 - - -`,
      ),
    },
  ],
};
