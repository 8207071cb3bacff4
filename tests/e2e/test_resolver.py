# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts while no resolver answers. The daemon runs in a mount namespace of its own, where /etc/resolv.conf names a
socket of this test that never says a word, and /etc/hosts is a file that the test changes."""

import os
import shutil
import socket
import subprocess
import threading
import time

import pytest

import mailcatcher

NAME = "mail.tocsin.test"
SILENT = "127.99.99.53"  # on port 53, because resolv.conf knows no other


def why_not():
    if os.geteuid() != 0:
        return "a mount namespace and port 53 want root"
    if not shutil.which("unshare"):
        return "unshare is not installed (package util-linux)"
    r = subprocess.run(["unshare", "--mount", "mount", "--bind", "/dev/null", "/etc/hosts"], capture_output=True,
                       text=True, timeout=20)
    return f"no mount namespace here: {r.stderr.strip()}" if r.returncode else None


class Resolver:
    """Hears questions and answers none."""

    def __init__(self, folder):
        self.questions = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((SILENT, 53))
        self.socket.settimeout(0.2)
        self.files = {"/etc/hosts": f"127.0.0.1 {NAME}\n", "/etc/nsswitch.conf": "passwd: files\nhosts: files dns\n",
                      "/etc/resolv.conf": f"nameserver {SILENT}\n"}
        mounts = []
        for path, text in self.files.items():
            own = folder / os.path.basename(path)
            own.write_text(text)
            mounts.append(f"mount --bind {own} {os.path.realpath(path)}")
        self.hosts = folder / "hosts"
        self.prefix = ["unshare", "--mount", "sh", "-ec", " && ".join(mounts) + ' && exec "$@"', "sh"]
        self._is_over = False
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self):
        while not self._is_over:
            try:
                self.questions.append(self.socket.recv(4096))
            except TimeoutError:
                pass

    def forget(self):
        self.hosts.write_text("127.0.0.1 localhost\n")

    def close(self):
        self._is_over = True
        self._thread.join(5)
        self.socket.close()


@pytest.fixture
def resolver(tmp_path):
    reason = why_not()
    if reason:
        pytest.skip(reason)
    (tmp_path / "etc").mkdir()
    try:
        r = Resolver(tmp_path / "etc")
    except OSError as e:
        pytest.skip(f"{SILENT}:53 cannot be had: {e}")
    yield r
    r.close()


@pytest.fixture
def named(setup, tmp_path, authority):
    """The setup with a server that is reached by its name alone."""
    server = mailcatcher.MailCatcher(tmp_path / "named", authority.issue("named", names=(NAME,))).start()
    setup.mail.update(server=NAME, port=server.port_tls, username=server.username, timeout="20s")
    setup.password_file.write_text(server.password + "\n")
    yield server
    server.stop()


def test_alert_by_the_remembered_address(setup, daemon, named, resolver, victim):
    setup.write(victim.check())
    d = daemon(setup, prefix=resolver.prefix)
    named.wait("monitoring started")
    d.wait_notified("STATUS", r"^(?!.*queued)")
    resolver.forget()
    assert resolver.questions == []
    victim.kill()
    # the mailer that sends this one was started before any address was known
    named.wait("CRITICAL process victim")
    assert resolver.questions  # nobody answered
    d.stop()

    resolver.questions.clear()
    d = daemon(setup, prefix=resolver.prefix)  # and this process knows it from the state file alone
    time.sleep(3)
    victim.start()
    named.wait("RECOVERED process victim")
    assert resolver.questions
    d.stop()
    assert len(named.mails) == 3


def test_address_of_another_server_is_not_used(setup, daemon, named, resolver, victim):
    setup.write(victim.check())
    d = daemon(setup, prefix=resolver.prefix)
    named.wait("monitoring started")
    d.wait_notified("STATUS", r"^(?!.*queued)")
    setup.mail["server"] = "other.tocsin.test"
    setup.write(victim.check())
    resolver.forget()
    d.reload()
    d.wait_notified("READY", "^1$", count=2)
    time.sleep(3)  # the mailer of the old configuration serves until its successor is ready
    before = named.connections
    victim.kill()
    d.wait_log(r"other\.tocsin\.test: (the resolver did not answer|the name could not be resolved)", timeout=40)
    assert named.connections == before
