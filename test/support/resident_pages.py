#!/usr/bin/env python3
"""Which pages of the files below a directory the page cache holds: what was read of them, on a file system without read-ahead.

usage: resident_pages.py list DIR     a JSON line per file: [path, [[first page, pages], …]]; names as latin1
       resident_pages.py drop DIR     forgets the pages of the files, as far as no process has them mapped
"""
import ctypes
import json
import mmap
import os
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]


def resident(fd, size):
    address = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap")
    pages = ctypes.create_string_buffer((size + 4095) // 4096)
    if libc.mincore(address, size, pages) != 0:
        raise OSError(ctypes.get_errno(), "mincore")
    libc.munmap(address, size)
    return bytes(page & 1 for page in pages.raw[: (size + 4095) // 4096])


def runs(pages):
    found = []
    at = pages.find(b"\1")
    while at != -1:
        end = pages.find(b"\0", at)
        end = len(pages) if end == -1 else end
        found.append([at, end - at])
        at = pages.find(b"\1", end)
    return found


def files(root):
    seen = set()
    for directory, _, names in os.walk(root):
        for name in names:
            path = os.path.join(directory, name)
            about = os.lstat(path)
            if stat.S_ISREG(about.st_mode) and about.st_size > 0 and about.st_ino not in seen:
                seen.add(about.st_ino)
                yield path, about.st_size


def main(what, root):
    root = os.fsencode(os.path.abspath(root))
    for path, size in files(root):
        fd = os.open(path, os.O_RDONLY | os.O_NOATIME)
        try:
            if what == "drop":
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            else:
                found = runs(resident(fd, size))
                if found:
                    print(json.dumps([path[len(root):].decode("latin1"), found]))
        finally:
            os.close(fd)


if len(sys.argv) != 3 or sys.argv[1] not in ("list", "drop"):
    sys.exit(__doc__)
main(*sys.argv[1:])
