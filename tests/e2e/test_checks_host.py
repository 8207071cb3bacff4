# SPDX-License-Identifier: GPL-3.0-or-later
"""The check modules about the host itself: clock, reboot, raid, temperature, smart, journal; in the way of test_checks.py."""
import ctypes
import os
import pathlib
import shutil
import time

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


# --- reboot

def test_reboot_good():
    """Older kernels, those of other flavours, modules without an image and an image without modules are no finding."""
    r = run("reboot/good", "reboot")
    assert r.one() == ("OK", "no restart is required, up for 5 d") and r.evidence == {}
    assert r.metrics["c", "uptime"] == ["432000.1", "s", "", "", "0", ""] and r.number("required") == 0


def aged(tree, tmp_path, days, name):
    root = copied(tree, tmp_path)
    then = time.time() - days * 86400 - 60
    os.utime(root / name, (then, then))
    return root


def test_reboot_bad(tmp_path):
    r = run(aged("reboot/bad", tmp_path, 12, "run/reboot-required"), "reboot")
    assert r.one() == ("WARNING", "a restart is required by linux-image-6.1.0-18-amd64, libc6, dbus and 1 more, for 12 d")
    assert r.evidence["c", "Packages that want a restart"] == "linux-image-6.1.0-18-amd64\nlibc6\ndbus\nopenssl\n"
    assert r.evidence["c", "Kernels"].startswith("running: 6.1.0-18-amd64 #1 SMP")
    assert r.evidence["c", "Planned"].startswith("reboot at 2025-11-2")
    assert r.number("packages") == 4 and r.number("required") == 1 and 12 * 86400 <= r.number("required_for") < 13 * 86400


@pytest.mark.parametrize("options, state", [
    ({"required_warning": "11d"}, "WARNING"), ({"required_warning": "13d"}, "OK"), ({"required_critical": "12d"}, "CRITICAL"),
    ({"required_critical": "13d"}, "WARNING"), ({"required_warning": "13d", "uptime_warning": "5d"}, "WARNING"),
    ({"uptime_critical": "4d"}, "CRITICAL"), ({"required_warning": "13d", "uptime_warning": "6d", "uptime_critical": "7d"}, "OK")])
def test_reboot_limits(options, state, tmp_path):
    got = run(aged("reboot/bad", tmp_path, 12, "run/reboot-required"), "reboot", options).one()
    assert got[0] == state and (state != "OK" or got[1].startswith("a restart is required by"))


def test_reboot_kernels():
    r = run("reboot/kernel", "reboot")
    assert r.one()[0] == "WARNING" and r.one()[1].startswith("kernel 6.1.0-22-amd64 is installed, but 6.1.0-18-amd64 runs, for ")
    assert "installed: 6.1.0-22-amd64\n" in r.evidence["c", "Kernels"]
    assert run("reboot/kernel", "reboot", {"kernel": "no"}).one()[0] == "OK"
    assert run("reboot/container", "reboot").one() == ("OK", "no restart is required, up for 5 d")


def test_reboot_same_release_other_build():
    r = run("reboot/replaced", "reboot")
    assert r.one()[0] == "WARNING" and r.one()[1].startswith("the running kernel 6.1.0-18-amd64 was replaced by another build, for ")
    assert "Debian 6.1.76-1 (2024-02-01)\ninstalled: 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.82-1" in r.evidence["c", "Kernels"]


def test_reboot_suse():
    assert run("reboot/suse", "reboot").one()[1].startswith("a restart is required, for ")


@pytest.mark.parametrize("root, code, text", [("garbage", 74, "not of the form"), ("missing", 2, "cannot be read")])
def test_reboot_cannot_look(root, code, text):
    r = run(f"reboot/{root}", "reboot")
    assert (r.items, r.code) == ({}, code) and "/proc/uptime" in r.reason and text in r.reason


def test_reboot_flag_that_cannot_be_looked_at(tmp_path):
    root = copied("reboot/good", tmp_path)
    (root / "run").symlink_to("run")
    r = run(root, "reboot")
    assert r.code == 40 and r.items == {} and "/run/reboot-required cannot be looked at" in r.reason


@pytest.mark.parametrize("options", [
    {"required_warning": "2d", "required_critical": "1d"}, {"uptime_warning": "2d", "uptime_critical": "1d"}])
def test_reboot_options_that_contradict_each_other(options):
    r = run("reboot/good", "reboot", options)
    assert r.code == 22 and r.reason and r.items == {}


def test_reboot_of_this_host():
    uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    r = run(None, "reboot", {"uptime_critical": "1s"})
    assert r.one()[0] == "CRITICAL" and "(limit 1 s)" in r.one()[1] and abs(r.number("uptime") - uptime) < 60
    if os.path.exists("/run/reboot-required"):
        assert r.number("required") == 1
