# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's side of tocsin-mail, for tests: starts it on one end of a SEQPACKET pair and speaks src/msg.h."""

import collections
import fcntl
import os
import pathlib
import signal
import socket
import time

Result = collections.namedtuple("Result", "id address outcome code enhanced text relay status")
Batch = collections.namedtuple("Batch", "results dialogue addresses seconds")

F_ADD_SEALS, ALL_SEALS = 1033, 0xF
INLINE_MAX = 16 * 1024


def program():
    folder = os.environ.get("TOCSIN_LIBEXEC_DIR")
    if not folder:
        folder = pathlib.Path(os.environ.get("TOCSIN_BUILD", ".")) / "src"
    return str(pathlib.Path(folder).resolve() / "tocsin-mail")


class Mailer:
    def __init__(self, folder, environment=None):
        self.log = pathlib.Path(folder) / "tocsin-mail.log"
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.pid = os.posix_spawn(program(), ["tocsin-mail"], {**os.environ, **(environment or {})}, file_actions=[
            (os.POSIX_SPAWN_OPEN, 2, str(self.log), flags, 0o600), (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
        theirs.close()
        self.status = None

    def send(self, kind, *fields):
        data = b"".join(str(f).encode() + b"\0" for f in (kind, *fields))
        if len(data) <= INLINE_MAX:
            self.socket.send(data)
            return
        fd = os.memfd_create("test", os.MFD_ALLOW_SEALING)
        os.write(fd, data)
        fcntl.fcntl(fd, F_ADD_SEALS, ALL_SEALS)
        socket.send_fds(self.socket, [b"memfd\0"], [fd])
        os.close(fd)

    def receive(self):
        """(kind, fields), or None at the end."""
        data = self.socket.recv(65536)
        if not data:
            return None
        words = data[:-1].decode().split("\0")
        return words[0], words[1:]

    def load(self, *relays, host="client.test"):
        """Each relay is a dict of [mail] keys with the key "name" for its section. Returns the note of MSG_READY."""
        self.send("setting", "tocsin", "", "host", host, "test.conf", 1)
        line = 2
        for relay in relays:
            for key, value in relay.items():
                if key == "name":
                    continue
                for v in value if isinstance(value, (list, tuple)) else [value]:
                    self.send("setting", "mail", relay.get("name", ""), key, v, "test.conf", line)
                    line += 1
        self.send("load")
        answer = self.receive()
        assert answer and answer[0] == "ready", (answer, self.log.read_text())
        return answer[1][0]

    def mail(self, id, recipients, content="Subject: test\n\nHello.\n", sender="tocsin@client.test"):
        self.send("mail", id, sender, content)
        for r in recipients:
            self.send("recipient", id, r)

    def run(self, dialogue=False, seconds=30):
        begun = time.monotonic()
        self.send("run", int(seconds * 1e6), dialogue if isinstance(dialogue, str) else "yes" if dialogue else "no")
        results, lines, addresses = [], [], []
        while True:
            answer = self.receive()
            assert answer, self.log.read_text()
            kind, fields = answer
            if kind == "done":
                return Batch(results, lines, addresses, time.monotonic() - begun)
            if kind == "result":
                results.append(Result(*fields))
            elif kind == "setting":
                assert fields[0] in ("address", "spared")
                if fields[0] == "address":
                    addresses.append(tuple(fields[1:4]))
            else:
                assert kind == "dialogue"
                lines.append((fields[0], fields[1]))

    def send_one(self, recipients=("a@example.org",), **options):
        run = {k: options.pop(k) for k in ("dialogue", "seconds") if k in options}
        self.mail("1", recipients, **options)
        return self.run(**run)

    def wait(self, seconds=20):
        """Its exit status; killed by a signal is negative."""
        end = time.monotonic() + seconds
        while self.status is None and time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            else:
                time.sleep(0.01)
        return self.status

    def close(self):
        self.socket.close()
        status = self.wait()
        if status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        return status
