#!/usr/bin/env python3
"""extra-layer.py OUT.tar: a layer for make-debian-image.sh with what umoci itself never writes: an opaque directory, hard
links to files of lower layers, a whiteout behind its own entry, a path through a symlink, times of a quarter second."""
import io
import sys
import tarfile

TIME = 1_700_000_000.25


def main(target):
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:

        def add(name, kind=tarfile.REGTYPE, content=b"", mode=0o644, link="", pax=None):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.linkname, info.mtime, info.size = kind, mode, link, TIME, len(content)
            info.pax_headers = pax or {}
            tar.addfile(info, io.BytesIO(content))

        def directory(name):
            add(name, tarfile.DIRTYPE, mode=0o755)

        directory("etc/apt")
        directory("etc/apt/apt.conf.d")
        add("etc/apt/apt.conf.d/.wh..wh..opq")
        add("etc/apt/apt.conf.d/99new", content=b"// the only one\n")
        directory("opt")
        add("opt/linked-hosts", tarfile.LNKTYPE, link="etc/hosts")
        add("opt/linked-file", tarfile.LNKTYPE, link="usr/bin/file")
        add("opt/replaced", content=b"new\n" * 100)
        add("opt/.wh.replaced")
        add("opt/.wh.empty")
        # Through /bin, which is a symlink to usr/bin.
        directory("usr/bin")
        add("bin/through-symlink", content=b"#!/bin/sh\n", mode=0o755)
        add("opt/attributes", content=b"x" * 5000, pax={"SCHILY.xattr.user.text": "v=1"})


if __name__ == "__main__":
    main(sys.argv[1])
