# SPDX-License-Identifier: GPL-3.0-or-later
"""Speaks the helper protocol (src/msg.h) to a built helper, in the place of the daemon.

Not a test: tests import it. It sends what it is told, also what the daemon would never send, and believes nothing
of what it receives.
"""
import array
import fcntl
import os
import pathlib
import signal
import socket
import subprocess
import tempfile

FD = 3
INLINE_MAX = 16 * 1024
SIZE_MAX = 16 * 1024 * 1024
# The constants of fcntl.h; the fcntl module has them too, but not in every build of Python 3.11.
F_ADD_SEALS, F_GET_SEALS = 1033, 1034
SEALS = 0x1 | 0x2 | 0x4 | 0x8


def occupy_fd():
    """Makes sure that descriptor FD is in use here: Popen's own pipe to the child must never get that number."""
    try:
        os.fstat(FD)
    except OSError:
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        if null != FD:
            os.dup2(null, FD, inheritable=False)
            os.close(null)


def libexec_directory():
    """Where the built helpers are."""
    return pathlib.Path(os.environ.get("TOCSIN_LIBEXEC_DIR", "src")).resolve()


def encode(kind, *fields):
    """The bytes of a message; fields are str or bytes."""
    parts = [kind, *fields]
    return b"".join((p if isinstance(p, bytes) else str(p).encode()) + b"\0" for p in parts)


def decode(data):
    """(kind, fields) of the bytes of a message."""
    assert data.endswith(b"\0"), f"the last NUL is missing: {data[:80]!r}"
    kind, *fields = data[:-1].split(b"\0")
    return kind.decode(), [f.decode(errors="surrogateescape") for f in fields]


def spill(data, seals=SEALS):
    """A memfd that holds DATA, sealed."""
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(fd, "wb", closefd=False) as file:
        file.write(data)
    if seals:
        fcntl.fcntl(fd, F_ADD_SEALS, seals)
    return fd


def unspill(fd):
    """The bytes of a memfd that came in, after the checks that every receiver makes."""
    assert fcntl.fcntl(fd, F_GET_SEALS) & SEALS == SEALS, "a memfd came that is not sealed"
    size = os.fstat(fd).st_size
    assert 0 < size <= SIZE_MAX
    data = b""
    while len(data) < size:
        data += os.pread(fd, size - len(data), len(data))
    return data


class Closed(Exception):
    """The helper has closed its end."""


class Helper:
    """A helper process with its socket.

    with Helper.start("tocsin-store", [path]) as h:
        assert h.receive()[0] == "ready"
        h.send("commit", 1)
    """

    def __init__(self, process, sock, stderr):
        self.process, self.socket, self._stderr = process, sock, stderr

    @classmethod
    def start(cls, program, args=(), *, timeout=120, env=None, cwd=None):
        """Starts PROGRAM (a name in the libexec directory, or a path) with ARGS.

        TIMEOUT bounds every later wait. ENV is added to the environment.
        """
        occupy_fd()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        path = program if "/" in str(program) else libexec_directory() / program
        stderr = tempfile.TemporaryFile()
        with theirs:
            process = subprocess.Popen(
                [str(path), *map(str, args)], stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                preexec_fn=lambda: os.dup2(theirs.fileno(), FD), pass_fds=(FD,), start_new_session=True, cwd=cwd,
                env={**os.environ, **(env or {})})
        ours.settimeout(timeout)
        return cls(process, ours, stderr)

    def send(self, kind, *fields, fd=None):
        """Sends one message; it travels as a memfd when it is large, as msg_send() does it."""
        data = encode(kind, *fields)
        if len(data) <= INLINE_MAX:
            return self.send_bytes(data, fd)
        assert fd is None, "a message with a descriptor is never large"
        memory = spill(data)
        try:
            self.send_bytes(b"memfd\0", memory)
        finally:
            os.close(memory)

    def send_bytes(self, data, *fds):
        """Sends a datagram as it is, right or wrong."""
        passed = [f for f in fds if f is not None]
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", passed))] if passed else []
        try:
            self.socket.sendmsg([data], control)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed(self.stderr()) from error

    def receive(self):
        """(kind, fields, fd) of the next message; fd is None, or a descriptor that the caller closes.

        Raises Closed at the end, TimeoutError when nothing comes.
        """
        try:
            # The stream of a closed peer that left messages unread ends with ECONNRESET.
            data, control, flags, _ = self.socket.recvmsg(INLINE_MAX + 1, socket.CMSG_SPACE(4 * 8))
        except ConnectionResetError as error:
            raise Closed(self.stderr()) from error
        fds = array.array("i")
        for level, kind, content in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(content[:len(content) - len(content) % fds.itemsize])
        for fd in fds:
            os.set_inheritable(fd, False)
        if not data:
            raise Closed(self.stderr())
        assert not flags & socket.MSG_TRUNC and len(data) <= INLINE_MAX, "a datagram is too large"
        assert len(fds) <= 1, "more than one descriptor came"
        fd = fds[0] if fds else None
        if data == b"memfd\0" and fd is not None:
            try:
                data, fd = unspill(fd), None
            finally:
                os.close(fds[0])
        return (*decode(data), fd)

    def expect(self, kind):
        """The fields of the next message, which must be of KIND."""
        got, fields, fd = self.receive()
        if fd is not None:
            os.close(fd)
        assert got == kind, f"{got} {fields} came in place of {kind}; standard error: {self.stderr()}"
        return fields

    def until(self, kind):
        """All messages up to one of KIND: [(kind, fields), …]; descriptors are closed."""
        messages = []
        while not messages or messages[-1][0] != kind:
            got, fields, fd = self.receive()
            if fd is not None:
                os.close(fd)
            messages.append((got, fields))
        return messages

    def close(self):
        """Closes our end: a helper then ends by itself."""
        self.socket.close()

    def wait(self, timeout=120):
        """The exit status, negative for a signal."""
        return self.process.wait(timeout)

    def kill(self, number=signal.SIGKILL):
        """Ends the helper with its process group, as the daemon does, and collects it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        return self.wait()

    def stderr(self):
        """What it wrote to standard output and error until now."""
        here = os.dup(self._stderr.fileno())
        try:
            return os.pread(here, 1 << 20, 0).decode(errors="replace")
        finally:
            os.close(here)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
        try:
            self.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        self._stderr.close()
