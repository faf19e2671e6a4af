#!/usr/bin/env python3
"""Starts what an image configuration says in a tree, in namespaces of its own, until a line is printed; then ends it.

usage: start_in_tree.py ROOT CONFIG.json READY-LINE      (as root; ROOT must be writable. exit 1 when the line did not come in three minutes)

Not runc: nothing but the image's own programs may read the tree, and its pages must be free again afterwards.
"""
import json
import os
import pathlib
import select
import subprocess
import sys
import time

if len(sys.argv) != 4:
    sys.exit(__doc__)
root, config, ready = os.path.abspath(sys.argv[1]), json.load(open(sys.argv[2]))["config"], sys.argv[3].encode()

# Runs in the new namespaces: makes /dev and /proc, changes root and user, becomes the container's program.
inside = r"""
import os, subprocess, sys, warnings
root, user, directory, *command = sys.argv[1:]
script = '''ip link set lo up; mount -t proc proc proc; mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir -m 1777 dev/shm; ln -s /proc/self/fd dev/fd; ln -s /proc/self/fd/1 dev/stdout; ln -s /proc/self/fd/2 dev/stderr'''
subprocess.run(["/bin/sh", "-ec", script], cwd=root, check=True)
environment = dict(line.split("=", 1) for line in os.environ["IMAGE_ENV"].split("\n") if line)
os.chroot(root)
os.chdir(directory)
if user:
    uid, gid = map(int, user.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
os.environ.clear()
os.environ.update(environment)
os.execvp(command[0], command)
"""


def user_of(name):
    for line in pathlib.Path(root, "etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if name == fields[0]:
            return f"{fields[2]}:{fields[3]}"
    return ""


command = (config.get("Entrypoint") or []) + (config.get("Cmd") or [])
environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
environment.update(line.split("=", 1) for line in config.get("Env") or [])
unshare = ["unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child"]
python = [sys.executable, "-c", inside, root, user_of(config.get("User", "")), config.get("WorkingDir") or "/"]
lines = "\n".join(f"{name}={value}" for name, value in environment.items())
started = subprocess.Popen(unshare + python + command, env={**os.environ, "IMAGE_ENV": lines}, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
said = b""
end = time.monotonic() + 180
while ready not in said and time.monotonic() < end:
    if select.select([started.stdout], [], [], 1)[0]:
        part = os.read(started.stdout.fileno(), 65536)
        if not part:
            break
        said += part
# The first process of the namespace, which may have changed its user and thereby left --kill-child.
for child in pathlib.Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split():
    os.kill(int(child), 9)
started.kill()
started.wait()
if ready not in said:
    sys.exit(f"{ready.decode()} did not come: {said.decode(errors='replace')[-2000:]}")
