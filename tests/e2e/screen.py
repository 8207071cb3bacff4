# SPDX-License-Identifier: GPL-3.0-or-later
"""A program on a terminal of our own: what stands on its screen, as the emulator of python3-pyte draws it."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

import pyte


class Screen:
    """COMMAND on a terminal of so many columns and rows, until it ends or close() ends it."""

    def __init__(self, command, columns=80, rows=24, env=None):
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(command[0], command, {"TERM": "xterm-256color", **(env or {})})

    def resize(self, columns, rows):
        """The kernel tells the program by SIGWINCH."""
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self, seconds):
        """False at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the other end open any more
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self):
        return "\n".join(self.lines).rstrip()

    def wait(self, is_true, what, timeout=30):
        """Until IS_TRUE(text of the screen)."""
        end = time.monotonic() + timeout
        while not is_true(self.text):
            assert time.monotonic() < end, f"waited for {what}; the screen shows:\n{self.text}"
            if not self._read(0.1):
                assert is_true(self.text), f"it ended before {what}; the screen shows:\n{self.text}"
        return self.text

    def wait_for(self, words, timeout=30):
        return self.wait(lambda text: words in text, repr(words), timeout)

    def end(self, timeout=30):
        """Waits for the end; the exit status, negative for a signal."""
        limit = time.monotonic() + timeout
        while self.status is None:
            self._read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            assert self.status is not None or time.monotonic() < limit, f"it does not end; the screen shows:\n{self.text}"
        while self._read(0.05) and select.select([self.fd], [], [], 0)[0]:
            pass
        return self.status

    def key(self, text):
        os.write(self.fd, text.encode())

    @property
    def is_raw(self):
        """Has the program taken the keyboard: no lines, no echo?"""
        return not termios.tcgetattr(self.fd)[3] & (termios.ICANON | termios.ECHO)

    def colour_of(self, words):
        """The colour of the first cell of WORDS on the screen."""
        for y, line in enumerate(self.screen.display):
            if words in line:
                return self.screen.buffer[y][line.index(words)].fg
        raise AssertionError(f"{words!r} is not on the screen:\n{self.text}")

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
