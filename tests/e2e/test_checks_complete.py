# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes the older check modules complete: process (use, age, restarts, cause of the end), memory and pressure of
control groups, the content of files, disk."""
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import time

import pytest

import harness
from test_checks import Result, run, send, start

HOUR = 3600 * 1_000_000


def kernel():
    return tuple(int(x) for x in re.findall(r"\d+", os.uname().release)[:2])


# --- process: what it uses

PAGE = os.sysconf("SC_PAGESIZE")
WORKER = {"name": "worker"}


def test_process_use():
    """6000 ticks in a minute: one processor, children that have ended counted."""
    r = run("process/busy", "process", WORKER, {"ticks": 0})
    assert r.one() == ("OK", "2 processes running")
    assert r.number("memory") == 2 * 25600 * PAGE and abs(r.number("cpu") - 100) < 1e-6
    assert r.metrics["c", "cpu"] == ["100", "%", "", "", "0", ""] and r.memory["ticks"] == 6000
    assert r.metrics["c", "restarts"][:2] == ["0", "c"]


@pytest.mark.parametrize("options, state, text", [
    ({"cpu_warning": "100%"}, "WARNING", "100 % of a processor (limit 100 %)"), ({"cpu_warning": "101%"}, "OK", ""),
    ({"cpu_warning": "50%", "cpu_critical": "90%"}, "CRITICAL", "(limit 90 %)"),
    ({"memory_warning": str(51200 * PAGE)}, "WARNING", " of memory (limit "), ({"memory_warning": str(51200 * PAGE + 1)}, "OK", ""),
    ({"memory_critical": "1M"}, "CRITICAL", "(limit 1.00 MiB)"),
    ({"memory_warning": "1M", "cpu_warning": "1%", "max": "1"}, "WARNING", "at most 1 are expected; ")])
def test_process_limits(options, state, text):
    r = run("process/busy", "process", {**WORKER, **options}, {"ticks": 0})
    assert r.one()[0] == state and text in r.one()[1]


@pytest.mark.parametrize("memory, age", [({}, 60_000_000), ({"ticks": 6001.0}, 60_000_000), ({"ticks": 0}, 500_000)])
def test_process_use_that_is_not_known(memory, age):
    r = run("process/busy", "process", {**WORKER, "cpu_warning": "1%"}, memory, age)
    assert r.one()[0] == "OK" and ("c", "cpu") not in r.metrics
    assert ("ticks" in r.memory) == (age > 1_000_000)  # woken twice within a second: the sample stays


@pytest.mark.parametrize("options", [
    {"memory_warning": "2M", "memory_critical": "1M"}, {"cpu_warning": "90%", "cpu_critical": "50%"},
    {"age_warning": "2h", "age_critical": "1h"}, {"restarts_warning": "11"}, {"restarts_window": "0"}, {"cpu_warning": "90"}])
def test_process_options_that_contradict_each_other(options):
    r = run("process/busy", "process", {**WORKER, **options})
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_process_age_and_use_of_this_host():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as p:
        try:
            options = {"pattern": f"^{re.escape(sys.executable)} -c while True: pass$"}
            memory = run(None, "process", options).memory
            time.sleep(1.2)
            r = run(None, "process", {**options, "age_warning": "1s", "cpu_warning": "5%"}, memory, 1_200_000)
        finally:
            p.kill()
    assert r.one()[0] == "WARNING" and "running for 1 s (limit 1 s)" in r.one()[1]
    assert r.number("age_oldest") >= 1 and 0 < r.number("cpu") < 150


# --- process: restarts

def test_process_restarts_are_counted():
    """All that are there are younger than all that were there."""
    before = {"pid": 99, "start": 400, "newest": 450}
    r = run("process/busy", "process", WORKER, before)
    assert r.one()[0] == "OK" and r.number("restarts") == 1 and r.memory["restarts"] == 1 and "restart1" in r.memory
    r = run("process/busy", "process", WORKER, {**before, **{k: v for k, v in r.memory.items() if k.startswith("restart")}})
    assert r.number("restarts") == 2
    r = run("process/busy", "process", WORKER, {**before, **{k: v for k, v in r.memory.items() if k.startswith("restart")}})
    assert r.one() == ("WARNING", "restarted at least 3 times within 10 min") and r.number("restarts") == 3
    assert "pid 99" in r.evidence["c", "The process that was there before"]
    r = run("process/busy", "process", {**WORKER, "restarts_warning": "0"}, {**before, "restarts": 7})
    assert r.one()[0] == "OK" and r.number("restarts") == 8 and "restart1" not in r.memory


@pytest.mark.parametrize("memory", [
    {"pid": 99, "start": 400, "newest": 1000}, {"pid": 200, "start": 1000, "newest": 1100}, {}, {"pid": 99, "start": 400}])
def test_process_no_restart(memory):
    """One of a group that ends and is replaced is none; nor is what an earlier version remembered."""
    assert run("process/busy", "process", WORKER, memory).number("restarts") == 0


# --- process: how it ended

class Look:
    """Looks again and again in one helper, and hands back what became ready, as the daemon does it."""

    def __init__(self, h, module, options):
        self.h, self.module, self.options, self.fds, self.memory = h, module, options, [], {}

    def __call__(self):
        send(self.h, self.module, self.options, self.memory, 1_000_000)
        for fd in self.fds:
            if select.select([fd], [], [], 0)[0]:
                self.h.send("watch", "c", select.POLLIN, fd=fd)
            os.close(fd)
        self.fds, messages = [], []
        self.h.send("run", "")
        while True:
            kind, fields, fd = self.h.receive()
            messages.append((kind, fields))
            if fd is not None:
                self.fds.append(fd)
            if kind == "done":
                break
        r = Result(messages)
        self.memory.update(r.memory)
        return r

    def wait(self):
        assert select.select(self.fds, [], [], 10)[0], "not woken"


ENDS = [("os.kill(os.getpid(), 9)", "killed by signal 9 (Killed)"), ("os.abort()", "killed by signal 6 (Aborted)"),
        ("os._exit(3)", "exit status 3"), ("os._exit(0)", "exit status 0")]


@pytest.mark.parametrize("end, text", ENDS)
def test_process_cause_of_the_end(tmp_path, end, text):
    name = f"tocsin-victim-{os.getpid()}"
    script = tmp_path / name
    script.write_text(f"import os, sys\nsys.stdin.read()\n{end}\n")
    with start() as h, subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, cwd=tmp_path) as p:
        h.expect("ready")
        look = Look(h, "process", {"pattern": name + "$"})
        assert look().one()[0] == "OK" and len(look.fds) == 1
        p.stdin.close()
        look.wait()
        p.wait()  # until its parent takes it, it is a zombie
        first, second = look(), look()
    for r in (first, second):  # the descriptor comes once, what it said stays known
        assert r.one()[0] == "CRITICAL"
        if kernel() < (6, 15):
            assert "not available" in r.evidence["c", "The process that went"]
        else:
            assert r.one()[1].endswith(f"; pid {p.pid}: {text}") or r.one()[1].endswith(f"; pid {p.pid}: {text}, core dumped")
            assert text in r.evidence["c", "The process that went"]


def test_process_zombie_has_no_cause_yet(tmp_path):
    name = f"tocsin-zombie-{os.getpid()}"
    script = tmp_path / name
    script.write_text("import sys\nsys.stdin.read()\n")
    with start() as h, subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE) as p:
        h.expect("ready")
        look = Look(h, "process", {"pattern": name + "$"})
        look()
        p.kill()
        look.wait()
        r = look()
        assert r.one()[0] == "CRITICAL" and "it is a zombie" in r.evidence["c", "The process that went"]


def test_process_others_of_a_group(tmp_path):
    """The oldest lives; how another ended is told too."""
    name = f"tocsin-group-{os.getpid()}"
    script = tmp_path / name
    script.write_text("import sys\nsys.stdin.read()\n")
    command = [sys.executable, str(script)]
    with start() as h, subprocess.Popen(command, stdin=subprocess.PIPE) as p:
        time.sleep(0.05)
        with subprocess.Popen(command, stdin=subprocess.PIPE) as q:
            h.expect("ready")
            look = Look(h, "process", {"pattern": name + "$", "min": "2"})
            assert look().one() == ("OK", "2 processes running")
            q.send_signal(signal.SIGTERM)
            look.wait()
            q.wait()
            r = look()
        p.kill()
    assert r.one()[0] == "CRITICAL" and "at least 2 are expected" in r.one()[1]
    if kernel() >= (6, 15):
        assert r.evidence["c", "How others of them ended"] == "killed by signal 15 (Terminated)\n"


def test_process_ready_descriptor_that_is_none(tmp_path):
    """Whatever comes back is asked, and nothing is invented."""
    with start() as h, open(tmp_path / "x", "w", encoding="ascii") as file:
        h.expect("ready")
        send(h, "process", {"name": "init-that-never-was"}, {"pid": 1, "start": 0, "inode": 1})
        h.send("watch", "c", 1, fd=file.fileno())
        h.send("run", "")
        r = Result(h.until("done"))
    assert r.one()[0] == "CRITICAL" and "not available" in r.evidence["c", "The process that went"]


def test_process_end_in_the_mail(setup, daemon, catcher, victim):
    """The whole way: kill -9, and the mail says so."""
    setup.write(victim.check())
    daemon(setup)
    catcher.wait("monitoring started")
    victim.kill()
    mail = catcher.wait(r"CRITICAL process victim")
    if kernel() >= (6, 15):
        assert "killed by signal 9 (Killed)" in mail.text
    else:
        assert "not available" in mail.text
