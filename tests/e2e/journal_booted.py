# SPDX-License-Identifier: GPL-3.0-or-later
"""The check "journal" with a real journald. test_unit.py runs this file in a container."""
import os
import subprocess
import time

import helper
from test_checks import MODULES, PROGRAM, Result, run, send
from unit_booted import rests, settled

SELECT = {"kernel_warning": "0", "oom_warning": "0", "identifier": "tocsin-test"}


def write(message, priority="err"):
    subprocess.run(["systemd-cat", "-t", "tocsin-test", "-p", priority, "echo", message], check=True, timeout=30)


def until(what, options, memory=None):
    deadline = time.monotonic() + 30
    while True:
        r = run(None, "journal", options, memory)
        if what(r) or time.monotonic() > deadline:
            return r
        time.sleep(0.05)


def test_what_is_written_is_seen_once():
    r = run(None, "journal", {**SELECT, "pattern": "no[n]esuch"})
    assert r.code == 0 and r.one() == ("OK", "none within 1 h")
    write("the sky falls")
    options = {**SELECT, "pattern": "sky"}
    r = until(lambda r: r.one()[0] != "OK", options)
    assert r.one() == ("WARNING", "1 entry within 1 h: the sky falls")
    memory = {k: v for k, v in r.memory.items() if k != "looked"}
    write("the sky is up again")
    r = until(lambda r: r.one()[1].startswith("2 "), options, memory)
    assert r.one()[1] == "2 entries within 1 h: the sky is up again"
    assert run(None, "journal", {**options, "priority": "crit"}).one()[0] == "OK"
    lines = r.evidence["c", "The last of them, newest first"].splitlines()
    assert lines[0].endswith(" tocsin-test: the sky is up again") and lines[1].endswith(" tocsin-test: the sky falls")


def test_an_entry_wakes():
    fd, poll = settled("journal", SELECT)
    write("wake up")
    assert poll.poll(30_000)
    os.close(fd)
    assert run(None, "journal", {**SELECT, "watch": "no"}).watches == []
    assert rests("journal", SELECT)


def test_defaults():
    r = run(None, "journal")
    assert r.code == 0 and set(r.items) == {"kernel", "oom"} and r.items["oom"] == ("OK", "none within 1 h")


def look_as(*groups):
    with helper.Helper.start("/usr/bin/setpriv", ["--reuid=65534", "--regid=65534", *groups, PROGRAM],
                             env={"TOCSIN_CHECK_DIR": str(MODULES)}) as h:
        h.expect("ready")
        send(h, "journal", SELECT)
        h.send("run", "")
        return Result(h.until("done"))


def test_as_somebody_else():
    """Who may not read is UNKNOWN, and is told how to change that; the group is enough."""
    write("for all to read")
    until(lambda r: r.one()[0] != "OK", SELECT)
    r = look_as("--clear-groups")
    assert (r.items, r.code) == ({}, 13) and "group systemd-journal" in r.reason
    r = look_as("--groups=systemd-journal")
    assert r.code == 0 and r.one()[0] == "WARNING", r.reason
