# SPDX-License-Identifier: GPL-3.0-or-later
"""Helpers that break the protocol: the daemon ends them, says so, and goes on."""

import json
import textwrap
import time

import pytest

import harness

# What stands in front of each fake: a socket to the daemon, and messages as msg.h writes them.
PRELUDE = """\
#!/usr/bin/python3
import os, socket, sys, time
REAL = {real!r}
FOLDER = {folder!r}
if "--config" in sys.argv:
    os.execv(REAL, sys.argv)
daemon = socket.socket(fileno=3)
def send(*fields):
    daemon.send(b"".join(f.encode() + b"\\0" for f in fields))
def receive():
    data = daemon.recv(1 << 17)
    if not data:
        sys.exit(0)
    return [f.decode() for f in data.split(b"\\0")[:-1]]
def wait_for(kind):
    while receive()[0] != kind:
        pass
"""

HALF = 'daemon.send(b"item")'
OVERSIZED = 'daemon.send(b"evidence\\0" + b"x" * 100000 + b"\\0")'
UNKNOWN_KIND = 'send("surprise", "1")'
TOO_MANY_FIELDS = 'send("done", "1", "2")'
NONE = "sys.exit(0)"
EMPTY = 'daemon.send(b"")'
UNSEALED = """\
fd = os.memfd_create("x")
os.write(fd, b"done\\0")
socket.send_fds(daemon, [b"memfd\\0"], [fd])
"""
TWO_DESCRIPTORS = 'socket.send_fds(daemon, [b"watch\\0victim\\0001\\0"], [0, 1])'
MISDEEDS = {"half": HALF, "oversized": OVERSIZED, "unknown-kind": UNKNOWN_KIND, "fields": TOO_MANY_FIELDS, "none": NONE,
            "empty": EMPTY, "unsealed": UNSEALED, "two-descriptors": TWO_DESCRIPTORS}


@pytest.fixture
def fake(setup, tmp_path):
    """A function that puts a fake in the place of one helper."""
    folder = tmp_path / "libexec"
    folder.mkdir()
    for name in ("tocsin-check", "tocsin-mail", "tocsin-store"):
        (folder / name).symlink_to(harness.program(name))
    environment = setup.environment
    setup.environment = lambda: {**environment(), "TOCSIN_LIBEXEC_DIR": str(folder)}

    def replace(name, body):
        path = folder / name
        partial = folder / (name + ".new")
        partial.write_text(PRELUDE.format(real=harness.program(name), folder=str(tmp_path)) + textwrap.dedent(body))
        partial.chmod(0o755)
        partial.rename(path)

    return replace


def status(setup):
    return json.loads(setup.tocsin("status", "--json").stdout)


def wait_until(is_true, timeout=60):
    end = time.monotonic() + timeout
    while not (value := is_true()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return value


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_checker(setup, daemon, catcher, victim, fake, misdeed):
    fake("tocsin-check", 'send("ready", "")\nwait_for("run")\n' + MISDEEDS[misdeed] + "\nwait_for('nothing')\n")
    setup.write(victim.check())
    d = daemon(setup)
    mail = catcher.wait("UNKNOWN")
    assert "tocsin-check" in d.log or "check victim" in d.log
    assert victim.name in mail.text
    assert d.stop() < harness.END_WITHIN


def test_checker_says_it_is_done_and_is_not(setup, daemon, catcher, victim, fake):
    fake("tocsin-check", 'send("ready", "")\nwait_for("run")\nsend("done")\nwait_for("nothing")\n')
    setup.write(victim.check())
    daemon(setup)
    catcher.wait("UNKNOWN")


def test_checker_reports_for_others(setup, daemon, catcher, victim, fake):
    fake("tocsin-check", """\
        send("ready", "")
        while True:
            wait_for("run")
            send("item", "somebody", "else", "CRITICAL", "nonsense")
            send("end", "somebody", "0", "")
            send("item", "victim", "victim", "OK", "fine")
            send("end", "victim", "0", "")
            send("done")
        """)
    setup.write(victim.check())
    daemon(setup)
    catcher.wait("OK")
    assert [i["item"] for i in status(setup)["items"]] == [victim.name]


def test_checker_floods(setup, daemon, catcher, victim, fake):
    fake("tocsin-check", """\
        send("ready", "")
        while True:
            wait_for("run")
            for i in range(20000):
                send("item", "victim", f"item {i}", "OK", "x" * 100)
            send("end", "victim", "0", "")
            send("done")
        """)
    setup.write(victim.check(timeout="30s"))
    d = daemon(setup)
    wait_until(lambda: len(status(setup)["items"]) >= 4096)
    assert len(status(setup)["items"]) == 4096
    assert d.stop() < harness.END_WITHIN


def test_checker_that_is_never_ready(setup, daemon, victim, fake):
    fake("tocsin-check", "wait_for('nothing')")
    setup.write(victim.check())
    d = daemon(setup, wait=False)
    time.sleep(1.5)
    assert "1" not in d.notified("READY")
    assert d.stop() < harness.END_WITHIN


@pytest.mark.parametrize("language, memory", [("en", "memory is not locked: "), ("zh_CN", "内存未锁定：")])
def test_what_helpers_remark_of_themselves(setup, daemon, victim, fake, language, memory):
    """Memory that could not be locked is a remark of its own, in the language of those who read it."""
    fake("tocsin-mail", 'send("ready", "no authorities", "1")\nwait_for("nothing")\n')
    fake("tocsin-check", 'send("ready", "", "12")\nwait_for("nothing")\n')
    setup.sections["tocsin"]["language"] = language
    setup.write(victim.check())
    d = daemon(setup)
    said = wait_until(lambda: (s := status(setup)) and len(s["notes"]) > 2 and s)
    assert dict(zip(said["notes"], said["note_kinds"])) == {
        f"tocsin-check: {memory}Cannot allocate memory": "memory",
        f"tocsin-mail: {memory}Operation not permitted": "memory",
        "tocsin-mail: no authorities": "helper"}
    assert "tocsin-mail: memory is not locked: Operation not permitted" in d.log
    assert d.stop() < harness.END_WITHIN


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_mailer(setup, daemon, catcher, victim, fake, misdeed):
    fake("tocsin-mail", 'wait_for("load")\nsend("ready", "")\nwait_for("run")\n' + MISDEEDS[misdeed] +
         "\nwait_for('nothing')\n")
    setup.write(victim.check())
    d = daemon(setup)
    mail = wait_until(lambda: [m for m in status(setup)["outbox"] if m["attempts"] == 1])[0]
    assert mail["recipients"][0]["fate"] == "pending" and "tocsin-mail" in mail["recipients"][0]["answer"]
    assert not catcher.mails
    assert d.stop() < harness.END_WITHIN


def test_mailer_answers_for_mails_it_was_not_given(setup, daemon, victim, fake):
    fake("tocsin-mail", """\
        wait_for("load")
        send("ready", "")
        while True:
            wait_for("run")
            send("result", "nobody", "ops@example.org", "sent", "250", "", "ok", "", "0")
            send("result", "nobody", "who@example.org", "sent", "250", "", "ok", "", "0")
            send("done")
        """)
    setup.write(victim.check())
    daemon(setup)
    mail = wait_until(lambda: [m for m in status(setup)["outbox"] if m["attempts"] == 1])[0]
    assert mail["recipients"][0]["fate"] == "pending"


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_store(setup, daemon, catcher, victim, fake, misdeed):
    """Without a writer there is no state, but there are alerts."""
    fake("tocsin-store", 'send("ready", "")\n' + MISDEEDS[misdeed] + "\nwait_for('nothing')\n")
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    victim.kill()
    assert "state file" in catcher.wait("CRITICAL").text
    assert any("state file" in note for note in status(setup)["notes"])
    assert d.stop() < harness.END_WITHIN


def test_store_that_never_answers(setup, daemon, catcher, victim, fake):
    """Rows come, commits are never acknowledged: memory mode after 2 s."""
    fake("tocsin-store", 'send("ready", "")\nsend("done")\nwhile True:\n    receive()\n')
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started")
    victim.kill()
    assert "state file" in catcher.wait("CRITICAL").text
    assert d.stop() < harness.END_WITHIN
