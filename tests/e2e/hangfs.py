#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system that can be told to hang: a FUSE server that shows the folder BACKING at the folder MOUNT, in a mount
namespace of its own.

`hangfs.py BACKING MOUNT` prints "mounted" and then obeys lines on standard input: "hang": it goes on reading requests and
answers none, so whoever asks sleeps and cannot be killed; "go": it answers, those that wait too. Each is answered with the
same word. When its input ends it ends, and with it everything that hung. Stopped by SIGSTOP it hangs in another way: nobody
reads the requests, and those who wait for it can be killed.

It speaks the protocol of <linux/fuse.h>, 7.31, and as much of it as a daemon with its programs and SQLite need. Nothing is
cached by the kernel but the pages of files, so every look at a name asks here. Needs root."""

import ctypes
import errno
import os
import select
import stat
import struct
import sys

IN_HEADER = struct.Struct("<IIQQIIII")
MAX_WRITE = 128 * 1024
CLONE_NEWNS, MS_NOSUID, MS_REC, MS_PRIVATE = 0x20000, 2, 0x4000, 1 << 18
SET_MODE, SET_UID, SET_GID, SET_SIZE = 1, 2, 4, 8
ROOT = 1
# As disks do. Without it each open unmaps the file's pages from programs that run, even if they are locked (in the kernel,
# fuse_finish_open()): who has just started a second one would find the first one hanging.
KEEP_CACHE = 2


def names(data):
    return [os.fsdecode(n) for n in data.split(b"\0")]


class Server:
    def __init__(self, backing, fd):
        self.fd = fd
        self.paths, self.nodes = {ROOT: backing}, {backing: ROOT}
        self.files = {}
        self.next = ROOT
        self.waiting = []  # while it hangs
        self.is_hanging = False

    # ---- what it shows

    def node(self, path):
        if path not in self.nodes:
            self.next += 1
            self.nodes[path], self.paths[self.next] = self.next, path
        return self.nodes[path]

    def below(self, nodeid, name):
        return os.path.join(self.paths[nodeid], name)

    def attributes(self, nodeid, fh=None):
        s = os.fstat(fh) if fh is not None else os.lstat(self.paths[nodeid])
        seconds = [t // 10**9 for t in (s.st_atime_ns, s.st_mtime_ns, s.st_ctime_ns)]
        parts = [t % 10**9 for t in (s.st_atime_ns, s.st_mtime_ns, s.st_ctime_ns)]
        return struct.pack("<6Q10I", nodeid, s.st_size, s.st_blocks, *seconds, *parts, s.st_mode, s.st_nlink, s.st_uid,
                           s.st_gid, 0, 4096, 0)

    def entry(self, path):
        os.lstat(path)
        nodeid = self.node(path)
        return struct.pack("<4Q2I", nodeid, 0, 0, 0, 0, 0) + self.attributes(nodeid)

    def opened(self, path, flags, mode=0):
        fh = os.open(path, flags & ~(os.O_CREAT | os.O_EXCL | os.O_APPEND) | (os.O_CREAT if mode else 0), mode)
        self.files[fh] = path
        return struct.pack("<QII", fh, KEEP_CACHE, 0)

    # ---- requests: each gets the node and its data, and returns the answer

    def lookup(self, nodeid, data):
        return self.entry(self.below(nodeid, names(data)[0]))

    def getattr(self, nodeid, data):
        flags, _, fh = struct.unpack_from("<IIQ", data)
        return struct.pack("<QII", 0, 0, 0) + self.attributes(nodeid, fh if flags & 1 else None)

    def setattr(self, nodeid, data):
        valid, _, _, size = struct.unpack_from("<IIQQ", data)
        mode, _, uid, gid = struct.unpack_from("<4I", data, 68)
        path = self.paths[nodeid]
        if valid & SET_MODE:
            os.chmod(path, stat.S_IMODE(mode))
        if valid & (SET_UID | SET_GID):
            os.chown(path, uid if valid & SET_UID else -1, gid if valid & SET_GID else -1)
        if valid & SET_SIZE:
            os.truncate(path, size)
        return struct.pack("<QII", 0, 0, 0) + self.attributes(nodeid)

    def readlink(self, nodeid, data):
        return os.fsencode(os.readlink(self.paths[nodeid]))

    def unlink(self, nodeid, data):
        path = self.below(nodeid, names(data)[0])
        os.unlink(path)
        self.nodes.pop(path, None)
        return b""

    def rename(self, nodeid, data, skip=8):
        old, new = names(data[skip:])[:2]
        old, new = self.below(nodeid, old), self.below(struct.unpack_from("<Q", data)[0], new)
        os.rename(old, new)
        self.nodes.pop(new, None)
        if old in self.nodes:
            self.nodes[new] = self.nodes.pop(old)
            self.paths[self.nodes[new]] = new
        return b""

    def rename2(self, nodeid, data):
        if struct.unpack_from("<I", data, 8)[0]:
            raise OSError(errno.EINVAL, "flags")
        return self.rename(nodeid, data, 16)

    def open(self, nodeid, data):
        return self.opened(self.paths[nodeid], struct.unpack_from("<I", data)[0])

    def create(self, nodeid, data):
        flags, mode, umask = struct.unpack_from("<III", data)
        path = self.below(nodeid, names(data[16:])[0])
        answer = self.opened(path, flags, (mode & ~umask) | stat.S_IFREG)
        return self.entry(path) + answer

    def read(self, nodeid, data):
        fh, offset, size = struct.unpack_from("<QQI", data)
        return os.pread(fh, size, offset)

    def write(self, nodeid, data):
        fh, offset, size = struct.unpack_from("<QQI", data)
        return struct.pack("<II", os.pwrite(fh, data[40:40 + size], offset), 0)

    def release(self, nodeid, data):
        fh = struct.unpack_from("<Q", data)[0]
        if self.files.pop(fh, None):
            os.close(fh)
        return b""

    def fsync(self, nodeid, data):
        os.fsync(struct.unpack_from("<Q", data)[0])
        return b""

    def statfs(self, nodeid, data):
        s = os.statvfs(self.paths[ROOT])
        return struct.pack("<5Q4I24x", s.f_blocks, s.f_bfree, s.f_bavail, s.f_files, s.f_ffree, s.f_bsize, 255, s.f_frsize,
                           0)

    def opendir(self, nodeid, data):
        return struct.pack("<QII", 0, 0, 0)

    def nothing(self, nodeid, data):
        return b""

    def readdir(self, nodeid, data):
        offset, size = struct.unpack_from("<QI", data, 8)
        answer = b""
        for i, name in enumerate(sorted(os.listdir(self.paths[nodeid]))[offset:], offset + 1):
            raw = os.fsencode(name)
            one = struct.pack("<QQII", self.node(self.below(nodeid, name)), i, len(raw), 0) + raw
            one += b"\0" * (-len(one) % 8)
            if len(answer) + len(one) > size:
                break
            answer += one
        return answer

    def init(self, nodeid, data):
        return struct.pack("<4I2H3I32x", 7, 31, MAX_WRITE, 0, 12, 9, MAX_WRITE, 1, 0)

    HANDLERS = {1: lookup, 3: getattr, 4: setattr, 5: readlink, 10: unlink, 12: rename, 14: open, 15: read, 16: write,
                17: statfs, 18: release, 20: fsync, 26: init, 27: opendir, 28: readdir, 29: nothing, 30: nothing, 35: create,
                45: rename2}
    UNANSWERED = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET

    # ---- the dialogue

    def answer(self, request):
        _, opcode, unique, nodeid, *_ = IN_HEADER.unpack_from(request)
        if opcode in self.UNANSWERED:
            return
        error, data = 0, b""
        try:
            if opcode not in self.HANDLERS:
                raise OSError(errno.ENOSYS, "no such request")
            data = self.HANDLERS[opcode](self, nodeid, request[IN_HEADER.size:])
        except OSError as e:
            error, data = -e.errno, b""
        try:
            os.write(self.fd, struct.pack("<IiQ", 16 + len(data), error, unique) + data)
        except OSError as e:
            if e.errno != errno.ENOENT:  # nobody waits for it any more
                raise

    def request(self):
        try:
            request = os.read(self.fd, MAX_WRITE + 4096)
        except OSError as e:
            if e.errno in (errno.ENOENT, errno.EAGAIN):  # taken back before it was read
                return
            raise
        if self.is_hanging:
            self.waiting.append(request)
        else:
            self.answer(request)

    def obey(self, word):
        self.is_hanging = word == "hang"
        if not self.is_hanging:
            for request in self.waiting:
                self.answer(request)
            self.waiting = []
        print(word, flush=True)

    def serve(self):
        while True:
            ready = select.select([self.fd, sys.stdin], [], [])[0]
            if sys.stdin in ready:
                word = sys.stdin.readline().strip()
                if not word:
                    return
                self.obey(word)
            elif self.fd in ready:
                self.request()


def mount(folder):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,max_read={MAX_WRITE}".encode()

    def check(r, what):
        if r < 0:
            raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")

    check(libc.unshare(CLONE_NEWNS), "a mount namespace")
    check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
    check(libc.mount(b"hangfs", os.fsencode(folder), b"fuse", MS_NOSUID, options), "mount")
    return fd


def main():
    if len(sys.argv) != 3:
        print("usage: hangfs.py BACKING MOUNT", file=sys.stderr)
        return 64
    try:
        fd = mount(sys.argv[2])
    except OSError as e:
        print(f"cannot mount by FUSE: {e}", file=sys.stderr)
        return 77
    print("mounted", flush=True)
    Server(os.path.realpath(sys.argv[1]), fd).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
