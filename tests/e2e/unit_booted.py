# SPDX-License-Identifier: GPL-3.0-or-later
"""The check "unit" against a real systemd, with real failures. test_unit.py runs this file in a container; no machine
that somebody uses is the place for it."""
import os
import pathlib
import re
import select
import socket
import subprocess
import time

import pytest

import helper
from test_checks import MODULES, PROGRAM, Result, run, send, start


def systemctl(*args):
    subprocess.run(["systemctl", *args], stdin=subprocess.DEVNULL, check=False, timeout=60)


@pytest.fixture
def unit():
    """Writes a service and forgets it afterwards."""
    names = set()

    def write(name, *lines):
        path = pathlib.Path("/run/systemd/system") / name
        path.write_text("[Unit]\nDescription=A test of units\n[Service]\n" + "\n".join(lines) + "\n", encoding="utf-8")
        names.add(name)
        systemctl("daemon-reload")
        return name

    yield write
    for name in names:
        systemctl("stop", name)
        systemctl("reset-failed", name)
        (pathlib.Path("/run/systemd/system") / name).unlink()
    systemctl("daemon-reload")


def until(what, options, memory=None):
    deadline = time.monotonic() + 30
    while True:
        r = run(None, "unit", options, memory)
        if what(r) or time.monotonic() > deadline:
            return r
        time.sleep(0.05)


def test_named(unit):
    name = unit("good.service", "ExecStart=/bin/sleep 1000")
    state, text = run(None, "unit", {"unit": "good"}).items[name]
    assert state == "CRITICAL" and text.startswith("not running: it is inactive")
    systemctl("start", name)
    r = run(None, "unit", {"unit": ["good", "nonesuch.service"]})
    assert r.code == 0 and r.items[name][0] == "OK" and r.items[name][1].startswith("active (running) for ")
    assert r.items["nonesuch.service"] == ("CRITICAL", "not running: systemd knows no unit of this name")
    assert r.number("restarts", name) == 0 and len(r.watches) == 1


def watched(module, options, memory=None):
    """The descriptors that a look hands over, after the process that looked has ended; MEMORY is 5 s old."""
    fds = []
    with start() as h:
        h.expect("ready")
        send(h, module, options, memory or {}, 5_000_000)
        h.send("run", "")
        kind = ""
        while kind != "done":
            kind, _, fd = h.receive()
            if fd is not None:
                fds.append(fd)
    return fds


def test_the_end_is_noticed_at_once(unit):
    name = unit("watched.service", "ExecStart=/bin/sleep 1000")
    systemctl("start", name)
    fds = watched("unit", {"unit": name})
    poll = select.poll()
    poll.register(fds[0], select.POLLPRI)
    assert poll.poll(100) == []
    systemctl("kill", "--signal=KILL", name)
    assert poll.poll(30_000)
    os.close(fds[0])


def test_allowed_to_be_inactive(unit):
    name = unit("job.service", "Type=oneshot", "ExecStart=/bin/true")
    r = run(None, "unit", {"unit": name, "inactive": "yes"})
    assert r.one() == ("OK", "inactive (dead)")
    unit("job.service", "Type=oneshot", "ExecStart=/bin/false")
    systemctl("start", name)
    assert run(None, "unit", {"unit": name, "inactive": "yes"}).one() == ("CRITICAL", "failed: its process ended with status 1")


@pytest.mark.parametrize("line, text", [
    ("ExecStart=/bin/sh -c 'echo last words; exit 3'", "failed: its process ended with status 3"),
    ("ExecStart=/bin/sh -c 'kill -KILL $$$$'", "failed: its process was killed by signal 9 (Killed)"),
    ("Type=notify\nTimeoutStartSec=100ms\nExecStart=/bin/sleep 1000", "failed: it did not start or stop in time")])
def test_failed(unit, line, text):
    name = unit("bad.service", line)
    systemctl("start", name)
    r = until(lambda r: r.items[name][0] == "CRITICAL" and r.items[name][1].startswith("failed"), {"unit": name})
    assert r.one() == ("CRITICAL", text)
    said = r.evidence[name, "The unit"]
    assert "description: A test of units\nstate: failed (failed) for " in said and "result: " in said
    if "words" in line:
        r = until(lambda r: "Failed with" in r.evidence[name, "Last lines of its journal"], {"unit": name})
        lines = r.evidence[name, "Last lines of its journal"]
        assert "sh: last words\n" in lines and "systemd: bad.service: Failed with result 'exit-code'." in lines
        assert len(lines.splitlines()) <= 12


def test_auto(unit):
    """From nothing failed, over a failure, to well again, with a name that takes several numbers."""
    r = run(None, "unit", {"exclude": "*"})
    assert r.one() == ("OK", "no unit has failed") and r.number("failed") == 0
    long = unit("a-unit-with-a-rather-long-name.service", "ExecStart=/bin/false")
    short = unit("b.service", "ExecStart=/bin/false")
    systemctl("start", long, short)
    options = {"exclude": ["systemd-*", "*.mount"]}
    r = until(lambda r: long in r.items and short in r.items, options)
    assert r.items[long] == r.items[short] == ("CRITICAL", "failed: its process ended with status 1")
    assert r.items["c"] == ("OK", "failed units are reported one by one") and r.number("failed") == 2
    assert set(run(None, "unit", {"exclude": ["systemd-*", "b.*"]}).items) == {"c", long}
    assert set(run(None, "unit", {**options, "unit": ["auto", "b"]}).items) == {"c", long, short}
    unit(long, "ExecStart=/bin/sleep 1000")
    systemctl("reset-failed", short)
    systemctl("restart", long)
    again = run(None, "unit", options, r.memory)
    assert again.items[long][0] == "OK" and again.items[long][1].startswith("active (running)")
    assert again.items[short] == ("OK", "inactive (dead)") or again.items[short][1].startswith("inactive (dead) for ")
    # What the daemon keeps: old numbers stay until they are replaced.
    more = run(None, "unit", options, {**r.memory, **again.memory})
    assert set(more.items) == {"c", long, short} and more.number("failed") == 0
    assert set(run(None, "unit", {"exclude": ["systemd-*", "a-*"]}, more.memory).items) == {"c", short}


def test_auto_finds_a_service_that_is_restarted_for_ever(unit):
    """systemctl --failed does not show it."""
    name = unit("loop.service", "ExecStart=/bin/false", "Restart=always", "RestartSec=200ms\n[Unit]\nStartLimitIntervalSec=0")
    options, memory = {"exclude": ["systemd-*", "*.mount"]}, {}
    assert name not in run(None, "unit", options).items
    systemctl("start", name)
    first = until(lambda r: name in r.items, options)
    assert first.items[name][0] == "OK"

    def look(r):
        memory.update(r.memory)
        return r.items[name][0] == "WARNING"
    memory.update(first.memory)
    r = until(look, options, memory)
    assert r.items[name][0] == "WARNING" and r.items[name][1].endswith("but was restarted at least 3 times within 10 min")
    assert "automatic restarts: " in r.evidence[name, "The unit"] and r.number("failed") == 0
    assert name not in run(None, "unit", {**options, "restarts_warning": "0"}).items
    systemctl("stop", name)


def test_many_failed(unit):
    names = [unit(f"many{i}.service", "ExecStart=/bin/false") for i in range(35)]
    systemctl("start", *names)
    options = {"exclude": ["systemd-*"]}
    r = until(lambda r: r.items["c"][0] == "CRITICAL", options)
    assert r.items["c"] == ("CRITICAL", "35 units have failed, more than are shown one by one") and len(r.items) == 33
    assert set(run(None, "unit", options, r.memory).items) == set(r.items)


def settled(module, options):
    """A watch that is quiet now: at first the manager may still have something to tell."""
    deadline = time.monotonic() + 60
    while True:
        fd, = watched(module, options)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(300):
            return fd, poll
        os.close(fd)
        assert time.monotonic() < deadline


def test_a_failure_anywhere_is_noticed_at_once(unit):
    name = unit("crash.service", "ExecStart=/bin/sleep 1000")
    systemctl("start", name)
    fd, poll = settled("unit", {})
    pid = subprocess.run(["systemctl", "show", "--value", "--property=MainPID", name], capture_output=True, check=True).stdout
    assert int(pid) > 1
    os.kill(int(pid), 9)
    assert poll.poll(30_000)
    os.close(fd)
    r = until(lambda r: name in r.items, {})
    assert r.items[name] == ("CRITICAL", "failed: its process was killed by signal 9 (Killed)")


def rests(module, options):
    """Looked at twice within seconds: not by what may change all the time, but in half a minute."""
    fd, = watched(module, options, {"looked": 1.0})
    is_timer = os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:[timerfd]"
    until = pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text()
    os.close(fd)
    return is_timer and 10 < int(re.search(r"it_value: \((\d+),", until)[1]) <= 30


def test_a_manager_that_is_busy_is_asked_by_the_clock():
    assert rests("unit", {})
    assert run(None, "unit", {"watch": "no"}).watches == [] and run(None, "unit").watches == [select.POLLIN]


@pytest.fixture
def timer(unit):
    def write(name, *lines):
        unit(f"{name}.service", "ExecStart=/bin/sleep 1000")
        path = pathlib.Path("/run/systemd/system") / f"{name}.timer"
        path.write_text("[Timer]\nAccuracySec=100ms\n" + "\n".join(lines) + "\n", encoding="utf-8")
        systemctl("daemon-reload")
        systemctl("start", f"{name}.timer")
        names.append(path)
        return f"{name}.timer"

    names = []
    yield write
    for path in names:
        systemctl("stop", path.name)
        path.unlink()


def test_timer_whose_job_does_not_end(timer):
    """Named and by auto; afterwards it is reported as well."""
    name = timer("stuck", "OnCalendar=*:*:*")
    options = {"overdue": "1s", "exclude": "systemd-*"}
    r = until(lambda r: name in r.items, options)
    assert r.items[name][0] == "WARNING" and r.items[name][1].startswith("cannot start stuck.service again: it still runs, for ")
    assert r.number("overdue") == 1 and r.items["c"] == ("OK", "overdue units are reported one by one")
    assert (name, "Last lines of the journal of stuck.service") in r.evidence
    assert "started its unit last: 20" in r.evidence[name, "The unit"]
    assert run(None, "unit", {"unit": name, "overdue": "1s"}).one()[0] == "WARNING"
    assert run(None, "unit", {"unit": name}).one()[0] == "OK"
    assert name not in run(None, "unit", {**options, "timers": "no"}).items
    systemctl("stop", name)
    assert run(None, "unit", options, r.memory).items[name][0] == "OK"


def test_timer_that_has_not_elapsed_for_long(timer):
    name = timer("late", "OnActiveSec=1h")
    assert run(None, "unit", {"unit": name, "triggered_within": "1h"}).one()[0] == "OK"
    r = until(lambda r: r.one()[0] != "OK", {"unit": name, "triggered_within": "1s"})
    assert r.one()[0] == "CRITICAL" and r.one()[1].startswith("has not started late.service for ") and r.one()[1].endswith(" (limit 1 s)")
    assert run(None, "unit", {"overdue": "1s"}).number("overdue") == 0


def test_restarts(unit):
    """Crashes that no look sees: it is always active."""
    name = unit("loop.service", "ExecStart=/bin/sleep 1000", "Restart=always", "RestartSec=0", "StartLimitBurst=100")
    systemctl("start", name)
    options = {"unit": "loop", "restarts_warning": "2"}
    r = until(lambda r: r.items[name][0] == "OK", options)
    memory = r.memory
    for count in (1, 2):
        systemctl("kill", "--signal=KILL", name)
        before = count - 1
        r = until(lambda r: r.number("restarts") > before and r.items[name][1].startswith("active"), options, memory)
        memory = {**memory, **r.memory}
        if count == 1:
            assert r.one()[0] == "OK"
    state, text = r.one()
    assert state == "WARNING" and "but was restarted at least 2 times within 10 min" in text
    assert run(None, "unit", options, memory).one()[0] == "WARNING"
    assert run(None, "unit", {**options, "restarts_window": "1s"}, memory).one()[0] in ("OK", "WARNING")
    assert run(None, "unit", {**options, "restarts_warning": "0"}, memory).one()[0] == "OK"


def test_crash_loop(unit):
    name = unit("wait.service", "ExecStart=/bin/false", "Restart=always", "RestartSec=1000")
    systemctl("start", name)
    r = until(lambda r: r.items[name][1].startswith("is started again"), {"unit": name})
    assert r.one() == ("WARNING", "is started again after a failure: its process ended with status 1")


def test_without_the_bus(monkeypatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/nonesuch")
    r = run(None, "unit")
    assert r.code == 95 and "there is no system bus" in r.reason


def test_the_bus_does_not_answer(monkeypatch, tmp_path):
    """It is there, so this is no host without one: the state is not known."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "bus"))
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
        r = run(None, "unit")
        assert r.code == 111 and r.items == {} and "Connection refused" in r.reason
        s.listen()
        r = run(None, "unit")
        assert r.code == 110 and r.items == {} and "timed out" in r.reason


def test_as_somebody_else(unit):
    """As the daemon runs: without privileges it is told all but the journal, and says how to change that."""
    name = unit("other.service", "ExecStart=/bin/false")
    systemctl("start", name)
    options = {"unit": "other"}
    until(lambda r: r.items[name][1].startswith("failed"), options)
    with helper.Helper.start("/usr/bin/setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM],
                             env={"TOCSIN_CHECK_DIR": str(MODULES)}) as h:
        h.expect("ready")
        send(h, "unit", options)
        h.send("run", "")
        r = Result(h.until("done"))
    assert r.one() == ("CRITICAL", "failed: its process ended with status 1") and "systemd-journal" in r.evidence[
        name, "Last lines of its journal"]


def test_in_chinese(unit, monkeypatch):
    monkeypatch.setenv("TOCSIN_LANGUAGE", "zh_CN")
    name = unit("chinese.service", "Type=oneshot", "ExecStart=/bin/sh -c 'exit 3'")
    state, text = run(None, "unit", {"unit": ["chinese", "nonesuch"]}).items["nonesuch.service"]
    assert (state, text) == ("CRITICAL", "未运行：systemd 没有这个名称的单元")
    assert run(None, "unit", {"unit": "chinese"}).items[name][1].startswith("未运行：处于 inactive 状态")
    systemctl("start", name)
    r = until(lambda r: r.items[name][1].startswith("失败"), {"unit": "chinese"})
    assert r.items[name] == ("CRITICAL", "失败：它的进程以退出码 3 结束")
    assert "主进程上次的退出码：3\n" in r.evidence[name, "单元"] and (name, "它的日志的最后几行") in r.evidence
    assert run(None, "unit").items["c"][1] == "失败的单元逐个报告"
