#!/usr/bin/env python3
"""Lists everything a reader can see of a tree, one JSON object a line, in byte order of the paths.

usage: list_tree.py DIR [--no-content]

Type, mode, uid, gid, size, nanosecond mtime, device, link target, xattrs, sha256 of the content and the first path of the hard-link group.
Read through system calls of this process, so it may look at a mount that another process serves.
"""
import hashlib
import json
import os
import stat
import sys


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
    for entry in sorted(os.scandir(directory), key=lambda e: e.name):
        yield entry.path
        if entry.is_dir(follow_symlinks=False):
            yield from paths(entry.path)


def main(root, *flags):
    root = os.fsencode(root)
    first = {}
    for path in [root, *sorted(paths(root))]:
        info = os.lstat(path)
        row = {"path": text(path[len(root):])} | facts(path, info, "--no-content" not in flags)
        if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
            row["links"] = info.st_nlink
            row["first"] = first.setdefault(info.st_ino, row["path"])
        print(json.dumps(row, sort_keys=True))


sys.setrecursionlimit(10_000)
main(*sys.argv[1:])
