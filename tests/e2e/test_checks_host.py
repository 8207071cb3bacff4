# SPDX-License-Identifier: GPL-3.0-or-later
"""The check modules about the host itself: clock, reboot, raid, temperature, smart, journal; in the way of test_checks.py."""
import ctypes
import os
import pathlib
import shutil

import pytest

from test_checks import FIXTURES, run


def copied(tree, tmp_path):
    """A recorded tree to change."""
    shutil.copytree(FIXTURES / tree, tmp_path / "root", symlinks=True)
    return tmp_path / "root"


# --- clock

def test_clock_good():
    r = run("clock/good", "clock")
    assert r.one() == ("OK", "synchronised by systemd-timesyncd, offset -412 µs, wrong by at most 120 ms")
    assert r.metrics["c", "offset"] == ["-0.000412345", "s", "0.1", "", "", ""]
    assert r.metrics["c", "error"] == ["0.1205", "s", "5", "", "0", ""] and r.number("synchronised") == 1
    assert abs(r.number("frequency") + 1234567 / 65536) < 1e-9 and r.evidence == {}


def test_clock_chrony_leaves_no_offset():
    r = run("clock/chrony", "clock")
    assert r.one() == ("OK", "synchronised by chronyd, wrong by at most 8.2 ms; a leap second will be inserted at midnight UTC")
    assert ("c", "offset") not in r.metrics and r.number("estimated_error") == 310e-6 and r.number("frequency") == 10


def test_clock_bad():
    r = run("clock/bad", "clock")
    assert r.one() == ("WARNING", "not synchronised: systemd-timesyncd runs, but has not set the clock for long, or never")
    assert {n for _, n in r.metrics} == {"synchronised"} and r.number("synchronised") == 0
    text = r.evidence["c", "The clock"]
    assert text.startswith("kept by: systemd-timesyncd, pid 400\nsystemd-timesyncd synchronised last: 20")
    assert "status: 0x2041, not synchronised, the kernel steers the clock (PLL)\nwrong by at most: 16 s" in text


@pytest.mark.parametrize("root, options, state, text", [
    ("off", {}, "WARNING", "the clock is off by -350 ms (limit 100 ms); the clock may be wrong by up to 7.3 s (limit 5 s)"),
    ("off", {"offset_critical": "300ms"}, "CRITICAL", "the clock is off by -350 ms (limit 300 ms)"),
    ("off", {"offset_critical": "351ms", "error_critical": "7s"}, "CRITICAL", "the clock may be wrong by up to 7.3 s (limit 7 s)"),
    ("off", {"offset_warning": "0", "error_warning": "0"}, "OK", "synchronised by ntpd, offset -350 ms"),
    ("bad", {"unsynchronised": "critical"}, "CRITICAL", "not synchronised"), ("hidden", {}, "WARNING", "not synchronised"),
    ("early", {}, "OK", "not synchronised yet, 1 min 35 s after the boot"), ("early", {"settle": "1m"}, "WARNING", "not synchronised"),
    ("nobody", {"required": "yes"}, "WARNING", "not synchronised: no time daemon is running"),
    ("container", {"in_container": "yes", "required": "yes"}, "WARNING", "no time daemon"),
    ("container-variable", {"in_container": "yes"}, "OK", "synchronised, wrong by at most 100 µs")])
def test_clock(root, options, state, text):
    got = run(f"clock/{root}", "clock", options).one()
    assert got[0] == state and text in got[1]


def test_clock_nobody_keeps_it():
    """Left alone where that was always so; a warning where the daemon is gone."""
    r = run("clock/nobody", "clock")
    assert (r.items, r.code, r.memory) == ({}, 95, {}) and "no time daemon" in r.reason
    memory = run("clock/good", "clock").memory
    r = run("clock/nobody", "clock", {}, memory)
    assert r.one() == ("WARNING", "not synchronised: no time daemon is running")
    assert r.evidence["c", "The clock"].startswith("kept by: nobody")


@pytest.mark.parametrize("root, code, text", [
    ("container", 95, "that of its host"), ("container-variable", 95, "that of its host"),
    ("garbage", 74, "does not tell"), ("missing", 2, "does not tell")])
def test_clock_cannot_look(root, code, text):
    r = run(f"clock/{root}", "clock")
    assert (r.items, r.code) == ({}, code) and text in r.reason


@pytest.mark.parametrize("options", [
    {"offset_warning": "2s", "offset_critical": "1s"}, {"error_critical": "4s"}, {"settle": "2d"}, {"unsynchronised": "ok"}])
def test_clock_options_that_contradict_each_other(options):
    r = run("clock/good", "clock", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_clock_of_this_host():
    """The kernel's own word, asked in another way."""
    class Timex(ctypes.Structure):
        _fields_ = [("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
                    ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("rest", ctypes.c_char * 256)]

    t = Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(t)) < 0:
        pytest.skip(f"adjtimex: {os.strerror(ctypes.get_errno())}")
    r = run(None, "clock", {"in_container": "yes", "required": "yes", "settle": "0"})
    assert r.number("synchronised") == (0 if t.status & 0x40 else 1)
    assert ("not synchronised" in r.one()[1]) == bool(t.status & 0x40)
    uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    if t.status & 0x40 and uptime < 80000:
        assert run(None, "clock", {"in_container": "yes", "required": "yes", "settle": "1d"}).one()[0] == "OK"
