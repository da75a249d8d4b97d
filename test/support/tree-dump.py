#!/usr/bin/env python3
"""tree-dump.py [--oci allowlist|keep-user|all] DIR: a directory as composefs-dump(5), to compare trees with `diff`.

Written apart from the project, in another language, as its oracle. Depth first in byte order; files above 64 bytes with
their fs-verity digest; the first name of an inode has its fields, further names are hard links to it.

--oci applies what a converted image differs in from the unpacked one: the root takes the metadata of /usr, /run is emptied
and takes its time, and xattrs are filtered. Without it, link counts are what the file system says.
"""
import hashlib
import os
import stat
import sys

BLOCK = 4096
INLINE_MAX = 64


def verity_digest(path):
    """fs-verity, sha256, 4 KiB blocks, no salt (Linux Documentation/filesystems/fsverity.rst)."""
    hashes = []
    size = 0
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            size += len(block)
            hashes.append(hashlib.sha256(block.ljust(BLOCK, b"\0")).digest())
    while len(hashes) > 1:
        data = b"".join(hashes)
        blocks = (data[at : at + BLOCK].ljust(BLOCK, b"\0") for at in range(0, len(data), BLOCK))
        hashes = [hashlib.sha256(block).digest() for block in blocks]
    root = hashes[0] if hashes else bytes(32)
    descriptor = bytes([1, 1, 12, 0, 0, 0, 0, 0]) + size.to_bytes(8, "little") + root.ljust(64, b"\0")
    return hashlib.sha256(descriptor.ljust(256, b"\0")).hexdigest()


SHORT = {0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}


def escape(data, special=b""):
    if data == b"-" and not special:
        return "\\x2d"
    return "".join(
        SHORT.get(byte) or (chr(byte) if 0x20 < byte < 0x7F and byte not in special else f"\\x{byte:02x}") for byte in data
    )


def keep_xattr(name, mode):
    if mode in (None, "all"):
        return True
    return name == b"security.capability" or (mode == "keep-user" and name.startswith(b"user."))


def xattrs(path, mode):
    names = sorted(os.fsencode(name) for name in os.listxattr(path, follow_symlinks=False))
    return "".join(
        f" {escape(name, b'=')}={escape(os.getxattr(path, name, follow_symlinks=False), b'=')}"
        for name in names
        if keep_xattr(name, mode)
    )


def rdev(info):
    major, minor = os.major(info.st_rdev), os.minor(info.st_rdev)
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def mtime(info):
    seconds, nanoseconds = divmod(info.st_mtime_ns, 10**9)
    return f"{seconds}.{nanoseconds}"


class TreeDump:
    def __init__(self, root, mode):
        self.root = root
        self.mode = mode
        # Paths of each inode that is no directory, in the order of the dump.
        self.names = {}

    def entries(self, path=b"/"):
        """Depth first: the path in the image and its stat."""
        full = self.root + path
        info = os.lstat(full)
        yield path, info
        if not stat.S_ISDIR(info.st_mode) or (self.mode is not None and path == b"/run"):
            return
        for name in sorted(os.listdir(full)):
            yield from self.entries(path.rstrip(b"/") + b"/" + name)

    def lines(self):
        entries = list(self.entries())
        for path, info in entries:
            if not stat.S_ISDIR(info.st_mode):
                self.names.setdefault((info.st_dev, info.st_ino), []).append(path)
        for path, info in entries:
            yield self.line(path, info)

    def line(self, path, info):
        source = self.root + path
        if stat.S_ISDIR(info.st_mode):
            return self.directory_line(path, source, info)
        mode = f"{info.st_mode:o}"
        names = self.names[(info.st_dev, info.st_ino)]
        if names[0] != path:
            return f"{escape(path, b' ')} 0 @{mode} - - - - 0.0 {escape(names[0])} - -"
        links = info.st_nlink if self.mode is None else len(names)
        size, device, payload, content, digest = 0, 0, "-", "-", "-"
        if stat.S_ISREG(info.st_mode):
            size = info.st_size
            if size > INLINE_MAX:
                digest = verity_digest(source)
                payload = f"{digest[:2]}/{digest[2:]}"
            elif size > 0:
                with open(source, "rb") as file:
                    content = escape(file.read())
        elif stat.S_ISLNK(info.st_mode):
            target = os.readlink(source)
            size, payload = len(target), escape(target)
        elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
            device = rdev(info)
        owner = f"{links} {info.st_uid} {info.st_gid} {device} {mtime(info)}"
        return f"{escape(path, b' ')} {size} {mode} {owner} {payload} {content} {digest}{xattrs(source, self.mode)}"

    def directory_line(self, path, source, info):
        time = mtime(info)
        attributes = xattrs(source, self.mode)
        if self.mode is not None and path in (b"/", b"/run"):
            usr = self.root + b"/usr"
            usr_info = os.lstat(usr) if os.path.lexists(usr) else None
            if usr_info is not None and stat.S_ISDIR(usr_info.st_mode):
                time = mtime(usr_info)
                if path == b"/":
                    info, attributes = usr_info, xattrs(usr, self.mode)
            elif path == b"/":
                return "/ 0 40755 2 0 0 0 0.0 - - -"
            else:
                time = "0.0"
        return f"{escape(path, b' ')} 0 {info.st_mode:o} 2 {info.st_uid} {info.st_gid} 0 {time} - - -{attributes}"


def main(args):
    mode = None
    if args[:1] == ["--oci"] and args[1:2] and args[1] in ("allowlist", "keep-user", "all"):
        mode, args = args[1], args[2:]
    if len(args) != 1:
        sys.exit(__doc__.split(":")[0])
    sys.setrecursionlimit(10_000)
    with os.fdopen(1, "w", encoding="ascii", newline="\n") as out:
        for line in TreeDump(os.fsencode(args[0]), mode).lines():
            out.write(line + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
