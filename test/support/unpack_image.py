#!/usr/bin/env python3
"""Unpacks an image of an OCI layout into a directory with Python's own tarfile: the independent reading of the layer rules.

usage: unpack_image.py LAYOUT TAG DIR      (as root, on a file system with xattrs and nanosecond times)

It shares no code and no author's habit with the converter: plain system calls, one layer after the other, as the image specification
says. Times of directories are set after each layer, since filling a directory changes them. Implied directories are 0755, root, time 0.
"""
import json
import os
import shutil
import stat
import sys
import tarfile
from decimal import Decimal

if len(sys.argv) != 4:
    sys.exit(__doc__)


def raw(text):
    return os.fsencode(text)


def blob(layout, digest):
    return os.path.join(layout, "blobs", *digest.split(":"))


def read_json(path):
    with open(path, "rb") as file:
        return json.load(file)


def manifest_of(layout, tag):
    index = read_json(os.path.join(layout, "index.json"))
    for entry in index["manifests"]:
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag:
            found = read_json(blob(layout, entry["digest"]))
            if "manifests" in found:
                (child,) = [m for m in found["manifests"] if m.get("platform", {}).get("architecture") == "amd64"]
                found = read_json(blob(layout, child["digest"]))
            return found
    sys.exit(f"{layout}: no tag {tag}")


def normal(name):
    parts = [p for p in raw(name).split(b"/") if p not in (b"", b".")]
    assert b".." not in parts, name
    return b"/".join(parts)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def mtime_of(entry):
    text = entry.pax_headers.get("mtime")
    return int(Decimal(text) * 10**9) if text else int(entry.mtime) * 10**9


def make_parents(root, path, implied):
    parent = os.path.dirname(path)
    missing = []
    while parent != root and not os.path.lexists(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    for directory in reversed(missing):
        os.mkdir(directory, 0o755)
        os.chmod(directory, 0o755)
        implied.add(directory)


def create(archive, entry, path, root):
    if entry.isdir():
        if os.path.islink(path) or not os.path.isdir(path):
            remove(path)
            os.mkdir(path)
        return
    if path != root:
        remove(path)
    if entry.islnk():
        os.link(os.path.join(root, normal(entry.linkname)), path, follow_symlinks=False)
    elif entry.issym():
        os.symlink(raw(entry.linkname), path)
    elif entry.isfifo():
        os.mkfifo(path)
    elif entry.ischr() or entry.isblk():
        kind = stat.S_IFCHR if entry.ischr() else stat.S_IFBLK
        os.mknod(path, kind | 0o600, os.makedev(entry.devmajor, entry.devminor))
    else:
        with open(path, "wb") as file:
            source = archive.extractfile(entry)
            shutil.copyfileobj(source, file, 1 << 20)


def set_attributes(entry, path):
    os.lchown(path, entry.uid, entry.gid)
    if not entry.issym():
        os.chmod(path, entry.mode & 0o7777)
    old = set(os.listxattr(path, follow_symlinks=False))
    for name in old:
        if not name.startswith("security.selinux"):
            os.removexattr(path, name, follow_symlinks=False)
    for key, value in entry.pax_headers.items():
        if key.startswith("SCHILY.xattr."):
            os.setxattr(path, raw(key[len("SCHILY.xattr."):]), raw(value), follow_symlinks=False)


def apply(archive, root):
    made = set()
    times = {}
    implied = set()
    for entry in archive:
        name = normal(entry.name)
        path = os.path.join(root, name) if name else root
        base = os.path.basename(name)
        if base == b".wh..wh..opq":
            directory = os.path.dirname(path)
            for child in os.listdir(directory) if os.path.isdir(directory) else []:
                prune(os.path.join(directory, child), made)
            continue
        if base.startswith(b".wh..wh."):
            continue
        if base.startswith(b".wh."):
            prune(os.path.join(os.path.dirname(path), base[4:]), made)
            continue
        make_parents(root, path, implied)
        create(archive, entry, path, root)
        if not entry.islnk():
            set_attributes(entry, path)
            implied.discard(path)
            times[path] = mtime_of(entry)
        while path != root:
            made.add(path)
            path = os.path.dirname(path)
    for path in implied:
        times[path] = 0
    for path, nanoseconds in times.items():
        if os.path.lexists(path):
            os.utime(path, ns=(nanoseconds, nanoseconds), follow_symlinks=False)


def prune(path, made):
    """Removes what lower layers left at `path`, and keeps what this layer made."""
    if not os.path.lexists(path):
        return
    if path not in made:
        remove(path)
    elif os.path.isdir(path) and not os.path.islink(path):
        for child in os.listdir(path):
            prune(os.path.join(path, child), made)


def main(layout, tag, root):
    root = raw(os.path.abspath(root))
    os.makedirs(root, exist_ok=True)
    os.chmod(root, 0o755)
    os.utime(root, ns=(0, 0))  # implied until a layer names it
    for layer in manifest_of(layout, tag)["layers"]:
        with open_layer(blob(layout, layer["digest"])) as archive:
            before = directory_times(root)
            apply(archive, root)
            restore(before, archive_names(archive), root)


def open_layer(path):
    if open(path, "rb").read(4) == b"\x28\xb5\x2f\xfd":
        import subprocess

        pipe = subprocess.Popen(["zstd", "-dcq", path], stdout=subprocess.PIPE)
        return tarfile.open(fileobj=pipe.stdout, mode="r|", bufsize=1 << 20)
    return tarfile.open(path, "r:*")


def archive_names(archive):
    return {normal(entry.name) for entry in archive.members}


def directory_times(root):
    """Times of every directory, so that filling one through a layer that does not name it leaves its time alone."""
    times = {}
    for directory, _, _ in os.walk(root):
        times[directory] = os.lstat(directory).st_mtime_ns
    return times


def restore(before, named, root):
    for path, nanoseconds in before.items():
        name = path[len(root) + 1:]
        if name not in named and os.path.isdir(path) and not os.path.islink(path):
            os.utime(path, ns=(nanoseconds, nanoseconds))


main(*sys.argv[1:])
