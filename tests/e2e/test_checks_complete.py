# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes the older check modules complete: process (use, age, restarts, cause of the end), memory and pressure of
control groups, the content of files, disk."""
import hashlib
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
            deadline = time.monotonic() + 30
            while look().one()[0] != "OK" and time.monotonic() < deadline:
                time.sleep(0.1)  # until both have become that program
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


# --- memory: limits of control groups

GROUPS = "/system.slice/"


def test_memory_of_a_container():
    """What counts is the limit; the cache that it can give back is not used."""
    r = run("memory/container", "memory")
    assert r.items["c"][0] == "OK" and r.items["container"] == ("OK", "39 % of its limit used, 401 MiB of 1.00 GiB")
    assert r.metrics["container", "limit_used_bytes"] == ["420054733", "B", "", "", "0", "1073741824"]
    assert r.metrics["container", "limit_used"][2:] == ["90", "97", "0", "100"] and r.evidence == {}
    assert "container" not in run("memory/good", "memory").items


@pytest.mark.parametrize("options, item, state, text", [
    ({"cgroup": GROUPS + "db.service"}, GROUPS + "db.service", "CRITICAL", "97.2 % of its limit used (limit 97 %), 498 MiB of 512 MiB"),
    ({"cgroup": GROUPS + "db.service", "limit_critical": "98%"}, GROUPS + "db.service", "WARNING", "(limit 90 %)"),
    ({"cgroup": GROUPS + "db.service", "limit_critical": "0%", "limit_warning": "0%"}, GROUPS + "db.service", "OK", "97 %"),
    ({"cgroup": GROUPS + "free.service"}, GROUPS + "free.service", "OK", "85.8 MiB used, it has no limit"),
    ({"cgroup": GROUPS + "none.service"}, GROUPS + "none.service", "UNKNOWN", "there is no such control group"),
    ({"cgroup": GROUPS + "bad.service"}, GROUPS + "bad.service", "UNKNOWN", "cannot be read: Bad message"),
    ({"cgroup": GROUPS + "odd.service"}, GROUPS + "odd.service", "UNKNOWN", "no such control group"),
    ({"limit_warning": "39%"}, "container", "WARNING", "39.1 % of its limit used (limit 39 %)")])
def test_memory_limits_of_groups(options, item, state, text):
    r = run("memory/container", "memory", options)
    assert r.items[item][0] == state and text in r.items[item][1] and r.items["c"][0] == "OK"
    if state in ("CRITICAL", "WARNING"):
        shown = r.evidence[item, "Where the memory of the control group is"]
        assert "  programs\n" in shown and ("killed for want of memory in it: 2" in shown) == ("db" in item)
    if "db" in item:
        assert r.metrics[item, "oom_kills"][:2] == ["2", "c"]


def test_memory_groups_are_reported_once():
    r = run("memory/container", "memory", {"cgroup": ["auto", GROUPS + "db.service", "auto", GROUPS + "db.service"]})
    assert set(r.items) == {"c", "container", GROUPS + "db.service"} and r.code == 0


@pytest.mark.parametrize("options", [
    {"cgroup": "x"}, {"cgroup": "/a/../b"}, {"cgroup": "/.."}, {"cgroup": "/a/"}, {"limit_warning": "98%"}, {"limit_critical": "101%"}])
def test_memory_group_options(options):
    r = run("memory/container", "memory", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def own_group():
    """A control group of this host that accounts memory, or None."""
    root = pathlib.Path("/sys/fs/cgroup")
    return next((p.parent for p in sorted(root.glob("*/memory.current"))), None)


def test_memory_of_a_group_of_this_host():
    group = own_group()
    if not group:
        pytest.skip("no control group of version 2 accounts memory here")
    r = run(None, "memory", {"cgroup": "/" + group.name, "available_warning": "0", "available_critical": "0"})
    assert r.items["/" + group.name][0] != "UNKNOWN" and r.number("limit_used_bytes", "/" + group.name) >= 0


# --- pressure: of a control group

def test_pressure_of_a_group():
    r = run("pressure/cgroup", "pressure", {"cgroup": GROUPS + "db.service"})
    assert r.items["cpu"] == ("WARNING", "tasks waited for a processor for 85.0 % of the time (some avg60, limit 80 %)")
    assert r.items["io"] == ("OK", "some 2.0 %, full 1.0 % (avg60)") and r.items["memory"][0] == "CRITICAL"
    assert r.metrics["cpu", "full_avg60"][0] == "5"


def test_pressure_of_a_group_that_is_not_there():
    r = run("pressure/cgroup", "pressure", {"cgroup": GROUPS + "none.service"})
    assert (r.items, r.code) == ({}, 2) and "there is no control group /system.slice/none.service" in r.reason
    r = run("pressure/cgroup", "pressure", {"cgroup": "/a/.."})
    assert r.code == 22 and "cgroup is the path" in r.reason


def test_pressure_of_a_group_of_this_host():
    group = next((p.parent for p in sorted(pathlib.Path("/sys/fs/cgroup").glob("*/cpu.pressure"))), None)
    if not group:
        pytest.skip("no control group of version 2 measures pressure here")
    r = run(None, "pressure", {"cgroup": "/" + group.name})
    assert "cpu" in r.items and r.items["cpu"][0] != "UNKNOWN"


# --- file: its content

GOOD = hashlib.sha256(b"good\n").hexdigest()


@pytest.fixture(name="content")
def file_with_content(tmp_path):
    path = tmp_path / "file"
    path.write_text("good\n")
    return path


def test_file_checksum(content):
    options = {"path": str(content), "checksum": GOOD}
    r = run(None, "file", options)
    assert r.one()[0] == "OK" and r.memory["sum_other"] == 0
    assert run(None, "file", {**options, "checksum": GOOD.upper()}).one()[0] == "OK"
    content.write_text("evil\n")
    r = run(None, "file", options, r.memory)
    assert r.one() == ("CRITICAL", "its content is not the one that is expected (SHA-256)") and r.memory["sum_other"] == 1
    evidence = r.evidence[str(content), "The file (permissions, user:group, size, changed)"]
    assert f"SHA-256: {hashlib.sha256(b'evil' + bytes([10])).hexdigest()}\n" in evidence
    again = run(None, "file", options, r.memory)
    assert again.one()[0] == "CRITICAL"
    content.write_text("good\n")
    assert run(None, "file", options, r.memory).one()[0] == "OK"
    # Another sum in the configuration is asked for anew.
    assert run(None, "file", {**options, "checksum": "0" * 64}, run(None, "file", options).memory).one()[0] == "CRITICAL"
    assert run(None, "file", {**options, "mode": "0000"}).one()[0] == "CRITICAL"


def test_file_is_read_again_only_when_it_changed(content):
    """The verdict of the look before stands in, even against the truth, while nothing of the description changed."""
    options = {"path": str(content), "checksum": GOOD}
    memory = run(None, "file", options).memory
    assert {"sum_size", "sum_inode", "sum_changed", "sum_modified", "sum_expected"} <= set(memory)
    r = run(None, "file", options, {**memory, "sum_other": 1})
    assert r.one()[0] == "CRITICAL" and "sum_other" not in r.memory
    os.utime(content, (1, 1))
    r = run(None, "file", options, {**memory, "sum_other": 1})
    assert r.one()[0] == "OK" and r.memory["sum_other"] == 0


def test_file_checksum_cannot_look(content, tmp_path):
    options = {"path": str(content), "checksum": GOOD}
    r = run(None, "file", {**options, "checksum_max": "4"})
    assert (r.items, r.code) == ({}, 27) and "larger than checksum_max" in r.reason
    assert run(None, "file", {**options, "checksum_max": "5"}).one()[0] == "OK"
    r = run(None, "file", {**options, "path": str(tmp_path)})
    assert r.items == {} and "cannot be read for its checksum" in r.reason
    r = run(None, "file", {**options, "path": str(tmp_path / "none")})
    assert r.one()[0] == "CRITICAL"
    if os.geteuid() != 0:
        content.chmod(0)
        assert run(None, "file", options).code == 13


@pytest.mark.parametrize("options", [
    {"checksum": GOOD[1:]}, {"checksum": GOOD[1:] + "g"}, {"checksum": GOOD, "exists": "no"}, {"checksum_max": "0"}])
def test_file_checksum_options(content, options):
    r = run(None, "file", {"path": str(content), **options})
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_file_growth_against_the_real_thing(content):
    options = {"path": str(content), "growth_critical": "1M"}
    memory = run(None, "file", options).memory
    with open(content, "ab") as file:
        file.write(b"x" * 100_000)
    r = run(None, "file", options, memory, 60_000_000)
    assert r.one()[0] == "CRITICAL" and r.one()[1] == "grows by 5.72 MiB an hour (limit 1.00 MiB)"
    assert run(None, "file", options, memory, HOUR).one()[0] == "OK"
