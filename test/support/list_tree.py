#!/usr/bin/env python3
"""Lists everything a reader can see of a tree, one JSON object a line, in byte order of the paths.

usage: list_tree.py DIR [--no-content] [--one-of N]

Type, mode, uid, gid, size, nanosecond mtime, device, link target, xattrs, sha256 of the content and the first path of the hard-link group.
With --one-of, of N paths one has them all, chosen by its name, and the others only their type.
Read through system calls of this process, so it may look at a mount that another process serves.
"""
import hashlib
import json
import os
import stat
import sys
import zlib


def text(value):
    return value.decode("latin-1")


def content_of(path):
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def facts(path, info, with_content):
    kind = stat.S_IFMT(info.st_mode)
    row = {
        "type": {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFCHR: "char", stat.S_IFBLK: "block", stat.S_IFIFO: "fifo"}.get(kind, "?"),
        "mode": oct(info.st_mode & 0o7777),
        "uid": info.st_uid,
        "gid": info.st_gid,
        "mtime": str(info.st_mtime_ns),  # JSON's numbers lose nanoseconds
        "xattrs": {text(os.fsencode(n)): text(os.getxattr(path, n, follow_symlinks=False)) for n in sorted(os.listxattr(path, follow_symlinks=False))},
    }
    if kind == stat.S_IFREG:
        row["size"] = info.st_size
        if with_content:
            row["sha256"] = content_of(path)
    if kind == stat.S_IFLNK:
        row["target"] = text(os.readlink(path))
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        row["device"] = [os.major(info.st_rdev), os.minor(info.st_rdev)]
    return row


def paths(directory):
    """Each path with the type that readdir tells of it."""
    for entry in sorted(os.scandir(directory), key=lambda e: e.name):
        is_dir = entry.is_dir(follow_symlinks=False)
        yield entry.path, "directory" if is_dir else "symlink" if entry.is_symlink() else "file" if entry.is_file(follow_symlinks=False) else "special"
        if is_dir:
            yield from paths(entry.path)


def main(root, *flags):
    root = os.fsencode(root)
    one_of = int(flags[flags.index("--one-of") + 1]) if "--one-of" in flags else 1
    first = {}
    for path, kind in [(root, "directory"), *sorted(paths(root))]:
        name = path[len(root):]
        if zlib.crc32(name) % one_of != 0:
            print(json.dumps({"path": text(name), "type": kind}, sort_keys=True))
            continue
        info = os.lstat(path)
        row = {"path": text(name)} | facts(path, info, "--no-content" not in flags)
        if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
            row["links"] = info.st_nlink
            row["first"] = first.setdefault(info.st_ino, row["path"])
        print(json.dumps(row, sort_keys=True))


sys.setrecursionlimit(10_000)
main(*sys.argv[1:])
