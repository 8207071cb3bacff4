# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system that hangs: a FUSE server that takes every question and answers none (linux/fuse.h, fuse(4)). Whoever
touches it waits in the kernel, and SIGKILL does not end that.

Run as a program, in a mount name space of its own (unshare --mount), so that it stands in nobody's way: mounts itself on
the folder that is its argument, says "ready", and goes when its standard input ends; then those who wait are released."""
import ctypes
import os
import select
import struct
import subprocess
import sys

IN_HEADER = struct.Struct("=IIQQIIII")
OUT_HEADER = struct.Struct("=IiQ")
INIT_OUT = struct.Struct("=IIIIHHIIHHI7I")
INIT = 26
MS_PRIVATE_REC, MNT_DETACH = (1 << 18) | (1 << 14), 2


def why_not():
    """Why there can be no such file system here, or ''."""
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    if os.geteuid() != 0:
        return "mounting needs root"
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        return f"/dev/fuse cannot be opened: {error.strerror}"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        return "there can be no mount name space of its own here"
    return ""


def mount(fd, folder):
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other"
    for arguments in ((b"none", b"/", None, MS_PRIVATE_REC, None), (b"frozen", folder.encode(), b"fuse", 0, options.encode())):
        if libc.mount(*arguments):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return libc


def answer_init(fd, request):
    _, opcode, unique, *_ = IN_HEADER.unpack_from(request)
    assert opcode == INIT, opcode
    _, minor = struct.unpack_from("=II", request, IN_HEADER.size)
    body = INIT_OUT.pack(7, min(minor, 31), 65536, 0, 12, 9, 65536, 1, 0, 0, 0, *[0] * 7)
    os.write(fd, OUT_HEADER.pack(OUT_HEADER.size + len(body), 0, unique) + body)


def main(folder):
    fd = os.open("/dev/fuse", os.O_RDWR)
    libc = mount(fd, folder)
    answer_init(fd, os.read(fd, 1 << 20))
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([fd, sys.stdin], [], [])
        if sys.stdin in ready and not os.read(0, 4096):
            break
        if fd in ready:
            os.read(fd, 1 << 20)
    libc.umount2(folder.encode(), MNT_DETACH)


class Frozen:
    """with Frozen(folder) as f: f.prefix is a command that runs what follows it where the folder hangs."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self._process = subprocess.Popen(["unshare", "--mount", "--propagation", "private", sys.executable, __file__, str(folder)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._process.stdout.readline() != "ready\n":
            self.release()
            raise OSError("the file system that hangs cannot be mounted")
        self.prefix = ["nsenter", f"--mount=/proc/{self._process.pid}/ns/mnt"]

    def release(self):
        self._process.stdin.close()
        self._process.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if not self._process.stdin.closed:
            self.release()


if __name__ == "__main__":
    main(sys.argv[1])
