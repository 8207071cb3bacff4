# SPDX-License-Identifier: GPL-3.0-or-later
"""The check modules about the host itself: clock, reboot, raid, temperature, smart, journal; in the way of test_checks.py."""
import ctypes
import os
import pathlib
import re
import subprocess
import time

import pytest

from test_checks import FIXTURES, copied, run


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


def test_clock_in_a_sandbox_that_refuses_the_call(tmp_path):
    """timesyncd's file tells, as long as it is fresh; by how much the clock is wrong nobody does."""
    tree = copied("clock/refused", tmp_path)
    r = run(tree, "clock")
    assert (r.items, r.code) == ({}, 1) and "adjtimex: Operation not permitted; systemd-timedated: " in r.reason
    (tree / "run/systemd/timesync").mkdir(parents=True)
    mark = tree / "run/systemd/timesync/synchronized"
    mark.touch()
    r = run(tree, "clock")
    assert r.one() == ("OK", "synchronised by systemd-timesyncd; systemd-timesyncd says so, "
                             "by how much it is wrong cannot be seen from here")
    assert {n for _, n in r.metrics} == {"synchronised"} and r.number("synchronised") == 1
    os.utime(mark, (time.time() - 4000,) * 2)
    assert run(tree, "clock").code == 1
    os.utime(mark, (time.time() + 4000,) * 2)
    assert run(tree, "clock").code == 1


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


# --- raid

def test_raid_good():
    """A container of other arrays is none, and a check that runs is no fault."""
    r = run("raid/good", "raid")
    assert r.items == {
        "md0": ("OK", "raid1, 2 of 2 disks work"), "md1": ("OK", "raid5, 3 of 3 disks work; check 23.4 %, 1 h 1 min left"),
        "md2": ("OK", "raid0 without redundancy, 2 disks"), "zfs tank": ("OK", "ONLINE: no device with data has failed; corrected errors are not told here"),
        "btrfs data": ("OK", "none of 2 devices is missing, and they count no errors"),
        "btrfs aa11d1b6-3fcd-4b5f-8a0f-96d1c60c0001": ("OK", "none of 1 devices is missing; this kernel does not tell their errors")}
    assert r.metrics["md1", "working"] == ["3", "", "", "", "0", "3"] and r.number("spares", "md1") == 1
    assert r.metrics["md1", "progress"][:2] == ["23.4", "%"] and r.metrics["md1", "speed"][:2] == [str(60771 * 1024), "B/s"]
    assert r.number("mismatches", "md0") == 128 and ("md2", "working") not in r.metrics and r.evidence == {}
    assert r.metrics["btrfs data", "errors"][:2] == ["0", "c"] and r.memory["arrays"] == 6


def test_raid_bad():
    r = run("raid/bad", "raid")
    assert r.items == {
        "md0": ("CRITICAL", "degraded: 1 of 2 disks work, failed: sdb1"),
        "md1": ("WARNING", "degraded: 2 of 3 disks work, failed: sdd1; recovery 12.6 %, 2 h 7 min left"),
        "md2": ("CRITICAL", "broken: a disk is gone, and there is no redundancy"),
        "md3": ("CRITICAL", "inactive: it was not assembled, or not all of its 1 members were found"),
        "md4": ("WARNING", "complete, but with a failed disk: sdn"),
        "btrfs data": ("CRITICAL", "1 of 2 devices are missing"),
        "zfs tank": ("CRITICAL", "DEGRADED: a device has failed, redundancy is missing"),
        "zfs odd": ("UNKNOWN", "is in a state that is not known here: SLEEPY"), "zfs void": ("UNKNOWN", "its state cannot be read")}
    assert r.evidence["md0", "/proc/mdstat"].splitlines()[:2] == [
        "md0 : active raid1 sdb1[1](F) sda1[0]", "      1953382400 blocks super 1.2 [2/1] [U_]"]
    assert r.number("missing", "md0") == 1 and r.evidence["btrfs data", "Block devices that are there"] == "sdj\n"
    assert "device 1: read_errs 3\n" in r.evidence["btrfs data", "Errors since they were last reset (btrfs device stats)"]


@pytest.mark.parametrize("options, item, state, text", [
    ({"rebuilding": "ok"}, "md1", "OK", "raid5, 2 of 3 disks work; recovery 12.6 %, 2 h 7 min left"),
    ({"rebuilding": "critical"}, "md1", "CRITICAL", "degraded"), ({"rebuilding": "ok"}, "md0", "CRITICAL", "degraded"),
    ({"spares": "1"}, "md4", "WARNING", "complete, but with a failed disk: sdn; 0 spare disks, of 1 that must stand by"),
    ({"array": "md9"}, "md9", "CRITICAL", "there is no such array"), ({"array": "zfs tank"}, "zfs tank", "CRITICAL", "DEGRADED")])
def test_raid(options, item, state, text):
    r = run("raid/bad", "raid", options)
    assert r.items[item][0] == state and text in r.items[item][1] and ("array" in options) == (len(r.items) == 1)


def test_raid_chosen():
    assert set(run("raid/good", "raid", {"exclude": ["btrfs *", "md[12]"]}).items) == {"md0", "zfs tank"}
    assert set(run("raid/good", "raid", {"array": ["auto", "md2", "md9"], "exclude": "*"}).items) == {"md2", "md9"}


def test_raid_btrfs_errors_grow(tmp_path):
    root = copied("raid/bad", tmp_path)
    (root / "sys/fs/btrfs/3f4bd1b6-3fcd-4b5f-8a0f-96d1c60cfc6b/devinfo/2/missing").write_text("0\n")
    options = {"array": "btrfs data"}
    first = run(root, "raid", options)
    assert first.one() == ("WARNING", "3 read errors on device 1, 1 corruption errors on device 1")
    assert run(root, "raid", options, first.memory).one() == first.one()
    stats = root / "sys/fs/btrfs/3f4bd1b6-3fcd-4b5f-8a0f-96d1c60cfc6b/devinfo/2/error_stats"
    stats.write_text(stats.read_text().replace("write_errs 0", "write_errs 5"))
    assert run(root, "raid", options, first.memory).one()[1].endswith(" on device 1, 5 write errors on device 2 (5 more since the last look)")


def test_raid_none():
    for tree in ("raid/none", "raid/missing"):
        r = run(tree, "raid")
        assert (r.items, r.code, r.memory) == ({}, 95, {}) and "no array" in r.reason


def test_raid_that_was_there():
    r = run("raid/none", "raid", {}, {"arrays": 2.0}, 3600_000_000)
    assert (r.items, r.code) == ({}, 19) and r.reason == "there were 2 arrays 1 h ago, and now there is none"
    assert run("raid/none", "raid", {}, {"arrays": 2.0}, 8 * 86400_000_000).code == 95


def test_raid_cannot_look(tmp_path):
    r = run("raid/garbage", "raid")
    assert (r.items, r.code) == ({}, 74) and "/proc/mdstat cannot be read" in r.reason
    root = copied("raid/none", tmp_path)
    (root / "proc/mdstat").unlink()
    (root / "proc/mdstat").mkdir()
    r = run(root, "raid")
    assert (r.items, r.code) == ({}, 21) and "Is a directory" in r.reason


@pytest.mark.parametrize("options", [{"array": ["md0", "md0"]}, {"spares": "-1"}, {"rebuilding": "no"}])
def test_raid_wrong_options(options):
    r = run("raid/good", "raid", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


# --- temperature

def test_temperature_good():
    """What nothing is connected to (127.5 and -62 °C) and limits that are none are left out; equal names are told apart."""
    r = run("temperature/good", "temperature")
    error = r.items.pop("iwlwifi_1 phy0 temp1")
    assert r.items == {
        "acpitz thermal_zone0 temp1": ("OK", "27.8 °C (limit 119 °C)"), "nvme0 Composite": ("OK", "38.9 °C (limit 84.85 °C)"),
        "nvme0 Sensor 1": ("OK", "38.9 °C, no limit is known"), "coretemp.0 Package id 0": ("OK", "45.0 °C (limit 100 °C)"),
        "coretemp.0 Core 0": ("OK", "43.5 °C (limit 100 °C)"), "nct6775.656 temp1": ("OK", "29.0 °C, no limit is known"),
        "nct6775.656 AUX": ("OK", "31.0 °C, no limit is known"), "nct6775.656 AUX (temp5)": ("OK", "32.0 °C (limit 60 °C)"),
        "dell temp1": ("OK", "30.0 °C, no limit is known"), "dell hwmon14 temp1": ("OK", "31.0 °C, no limit is known")}
    assert error == ("UNKNOWN", "cannot be read: Is a directory")
    assert r.metrics["coretemp.0 Core 0", "temperature"] == ["43.5", "C", "84", "100", "", ""]
    assert r.metrics["nct6775.656 AUX (temp5)", "temperature"][:4] == ["32", "C", "", "60"] and r.evidence == {}
    assert r.looks[1:4] == ["acpitz thermal_zone0 temp1", "nvme0 Composite", "nvme0 Sensor 1"]


def test_temperature_bad():
    r = run("temperature/bad", "temperature")
    assert r.items == {
        "nvme0 Composite": ("WARNING", "83.0 °C (limit 81.85 °C)"), "nvme0 Sensor 1": ("OK", "38.9 °C, no limit is known"),
        "coretemp.0 Package id 0": ("CRITICAL", "101.0 °C (limit 100 °C)"), "coretemp.0 Core 0": ("OK", "79.0 °C (limit 100 °C)"),
        "coretemp.0 Core 1": ("CRITICAL", "60.0 °C, the sensor itself says that this is critical"),
        "coretemp.0 Core 2": ("WARNING", "50.0 °C, the sensor itself raises an alarm"),
        "coretemp.0 Core 3": ("UNKNOWN", "the chip says that this sensor is faulty")}
    lines = r.evidence["coretemp.0 Package id 0", "All sensors and fans of this chip"].splitlines()
    assert lines[0] == "       0 rpm  fan1" and "   101.0 °C   Package id 0" in lines and "    79.0 °C   Core 0" in lines
    assert [i for i, t in r.evidence if t == "Processes that used most CPU"] == ["nvme0 Composite"]


@pytest.mark.parametrize("root, options, item, state, text", [
    ("good", {"warning": "40"}, "coretemp.0 Core 0", "WARNING", "43.5 °C (limit 40 °C)"),
    ("good", {"critical": "43.5"}, "coretemp.0 Core 0", "CRITICAL", "(limit 43.5 °C)"),
    ("good", {"critical": "43.6"}, "coretemp.0 Core 0", "OK", "(limit 43.6 °C)"),
    ("bad", {"warning": "110", "critical": "120"}, "coretemp.0 Core 1", "OK", "60.0 °C (limit 120 °C)"),
    ("good", {"sensor": "nct6775.656 temp2"}, "nct6775.656 temp2", "UNKNOWN", "127.5 °C: probably nothing is connected"),
    ("good", {"sensor": ["coretemp.1 *", "coretemp.0 *"]}, "coretemp.1 *", "UNKNOWN", "there is no such sensor"),
    ("missing", {"sensor": "x"}, "x", "UNKNOWN", "there is no such sensor")])
def test_temperature(root, options, item, state, text):
    got = run(f"temperature/{root}", "temperature", options).items[item]
    assert got[0] == state and text in got[1]


def test_temperature_chosen():
    r = run("temperature/good", "temperature", {"sensor": ["coretemp.* *", "nvme*"], "exclude": "* Core *"})
    assert set(r.items) == {"coretemp.0 Package id 0", "nvme0 Composite", "nvme0 Sensor 1"}


def test_temperature_cannot_look(tmp_path):
    r = run("temperature/garbage", "temperature")
    assert r.items == {"coretemp.0 temp1": ("UNKNOWN", "cannot be read: Bad message"), "coretemp.0 temp2": ("OK", "45.0 °C, no limit is known")}
    r = run("temperature/missing", "temperature")
    assert (r.items, r.code) == ({}, 95) and "no sensor" in r.reason
    (tmp_path / "sys/class").mkdir(parents=True)
    (tmp_path / "sys/class/hwmon").write_text("")
    r = run(tmp_path, "temperature")
    assert (r.items, r.code) == ({}, 20) and "/sys/class/hwmon cannot be read: Not a directory" in r.reason


@pytest.mark.parametrize("options", [{"warning": "90", "critical": "80"}, {"warning": "201"}, {"sensor": ["a", "a"]}])
def test_temperature_options_that_contradict_each_other(options):
    r = run("temperature/good", "temperature", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_temperature_of_this_host():
    r = run(None, "temperature")
    if r.code == 95:
        assert not list(pathlib.Path("/sys/class").glob("hwmon/*/temp*_input"))
        pytest.skip(r.reason)
    assert r.code == 0 and all(-40 <= r.number("temperature", i) <= 125.5 for i, (state, _) in r.items.items() if state != "UNKNOWN")


# --- smart

def test_smart_good():
    """A failed self-test that a newer good one follows, a stick without SMART and a disk that is found twice are no fault."""
    r = run("smart/good", "smart")
    assert r.items == {
        "/dev/sda": ("OK", "passed, WDC WD40EFRX-68N32N0 (WD-WCC4E0000001), 38 °C"),
        "/dev/sdb": ("UNKNOWN", "asleep, and was never seen awake (wake = yes wakes it)"),
        "/dev/nvme0": ("OK", "passed, QEMU NVMe Ctrl (NV1), 3 % used, 50 °C"),
        "/dev/bus/0 megaraid,3": ("OK", "passed, SEAGATE ST1200MM0099 (S3L0AAAA), 31 °C")}
    assert r.metrics["/dev/sda", "pending"] == ["0", "", "1", "", "0", ""] and r.number("crc_errors", "/dev/sda") == 0
    assert r.metrics["/dev/nvme0", "used"] == ["3", "%", "90", "", "0", ""] and r.number("spare", "/dev/nvme0") == 100
    assert r.number("power_on", "/dev/sda") == 25100 * 3600 and ("/dev/nvme0", "pending") not in r.metrics
    assert r.evidence == {} and r.memory["state /dev/sda"] == 0 and r.memory["WD-WCC4E0000001 pending"] == 0


def test_smart_bad():
    r = run("smart/bad", "smart")
    assert r.items == {
        "/dev/sda": ("CRITICAL", "the disk says that it is failing: save the data and replace it; "
                                 "End-to-End_Error is below its threshold: the disk may fail soon"),
        "/dev/sdb": ("WARNING", "its last self-test failed: Completed: read failure; 24 sectors were replaced (limit 1); "
                                "8 sectors cannot be read (limit 1); 2 errors could not be corrected (limit 1)"),
        "/dev/sdc": ("WARNING", "Airflow_Temperature_Cel is below its threshold: the disk is past its design life"),
        "/dev/sdd": ("UNKNOWN", "SMART is switched off (smartctl --smart=on switches it on)"),
        "/dev/nvme0": ("CRITICAL", "the disk warns: too few spare blocks are left; "
                                   "the disk warns: it is less reliable than it was: after many errors, or because its endurance is used up"),
        "/dev/nvme1": ("WARNING", "the disk warns: its temperature is out of bounds; 92 % of the endurance is used up (limit 90 %)"),
        "/dev/bus/0 megaraid,3": ("WARNING", "12 sectors were replaced (limit 1); 7 errors could not be corrected (limit 1)")}
    text = r.evidence["/dev/sdb", "What it counts"]
    assert "197 Current_Pending_Sector       value 200  worst 200  threshold   0  raw 8\n" in text
    assert "powered on for: 1045 d 20 h\nlast self-test: Completed: read failure" in r.evidence["/dev/sdb", "The disk"]
    assert "percentage_used              104\n" in r.evidence["/dev/nvme0", "What it counts"]
    assert r.evidence["/dev/bus/0 megaraid,3", "What it counts"] == (
        "uncorrected errors of read: 4\nuncorrected errors of write: 0\nuncorrected errors of verify: 3\n")
    assert r.number("passed", "/dev/sda") == 0


@pytest.mark.parametrize("device, options, state, text", [
    ("/dev/sdb", {"pending_critical": "8"}, "CRITICAL", "8 sectors cannot be read (limit 8)"),
    ("/dev/sdb", {"reallocated_critical": "24", "pending_critical": "9"}, "CRITICAL", "24 sectors were replaced (limit 24)"),
    ("/dev/sdb", {"uncorrectable_critical": "2"}, "CRITICAL", "2 errors could not be corrected (limit 2)"),
    ("/dev/sdb", {"pending_warning": "0", "reallocated_warning": "25", "uncorrectable_warning": "0"}, "WARNING", "its last self-test failed: Completed: read failure"),
    ("/dev/nvme1", {"used_critical": "92%"}, "CRITICAL", "92 % of the endurance is used up (limit 92 %)"),
    ("/dev/nvme1", {"used_warning": "0%"}, "WARNING", "the disk warns: its temperature is out of bounds"),
    ("/dev/bus/0 megaraid,3", {}, "WARNING", "12 sectors")])
def test_smart_limits(device, options, state, text):
    got = run("smart/bad", "smart", {"device": device, **options}).one()
    assert got[0] == state and text in got[1]


def test_smart_chosen():
    assert set(run("smart/bad", "smart", {"exclude": ["/dev/sd*", "/dev/bus/*"]}).items) == {"/dev/nvme0", "/dev/nvme1"}
    assert set(run("smart/bad", "smart", {"device": ["auto", "/dev/sda"], "exclude": "*"}).items) == {"/dev/sda"}
    assert run("smart/good", "smart", {"device": "/dev/sdz"}).one() == (
        "UNKNOWN", "this disk does not tell about its health (it has no SMART)")


def test_smart_counts_grow():
    """Also those that have no limit, for as long as the window is; and kept by serial number."""
    options = {"device": "/dev/sdc"}
    before = {"C crc_errors": 3.0}
    r = run("smart/bad", "smart", options, before)
    assert r.one()[1].endswith("; 5 errors on the cable, 2 of them within 1 d") and r.memory["C crc_errors grown"] == 2
    assert "2 of them" in run("smart/bad", "smart", options, {**before, **r.memory}).one()[1]
    assert "cable" not in run("smart/bad", "smart", options, {**before, **r.memory}, 2 * 86400_000_000).one()[1]
    assert "cable" not in run("smart/bad", "smart", {**options, "growth_window": "0"}, before).one()[1]
    assert "cable" not in run("smart/bad", "smart", options, {"B crc_errors": 3.0, "C crc_errors": 6.0}).one()[1]


def test_smart_asleep():
    options = {"device": "/dev/sdb"}
    assert run("smart/good", "smart", options, {"state /dev/sdb": 0.0}, 3600_000_000).one() == ("OK", "asleep, and not woken; it was well 1 h ago")
    assert run("smart/good", "smart", options, {"state /dev/sdb": 2.0}).one()[0] == "CRITICAL"


def test_smart_not_allowed():
    r = run("smart/denied", "smart", {"device": ["auto", "/dev/sda"]})
    assert r.items["/dev/nvme0"] == ("UNKNOWN", "cannot be looked at: Permission denied; tocsin-check-smart(7) tells how to allow it")
    assert r.items["/dev/sda"][1].startswith("cannot be looked at: Smartctl open device: /dev/sda failed: Permission denied; tocsin-check")


def test_smart_cannot_look():
    r = run("smart/garbage", "smart")
    assert {i: s for i, (s, _) in r.items.items()} == {"/dev/sda": "UNKNOWN", "/dev/sdb": "UNKNOWN"}  # sdc knows nothing
    assert r.items["/dev/sda"][1] == "the answer of smartctl is not understood (version 7 is needed): {\"json_format_version\": [1,"
    r = run("smart/garbage", "smart", {"device": "/dev/sdx"})
    assert r.one()[0] == "UNKNOWN" and "nothing is recorded for" in r.one()[1]
    r = run("smart/old", "smart")
    assert (r.items, r.code) == ({}, 74) and "UNRECOGNIZED OPTION: json" in r.reason


@pytest.mark.parametrize("root, code, text", [
    ("missing", 95, "smartctl is not installed"), ("none", 95, "finds no disk here"), ("hidden", 13, "hidden from tocsin")])
def test_smart_nothing_there(root, code, text):
    r = run(f"smart/{root}", "smart")
    assert (r.items, r.code) == ({}, code) and text in r.reason


def test_smart_that_hangs(tmp_path):
    root = copied("smart/good", tmp_path)
    (root / "usr/sbin/smartctl").write_text("#!/bin/sh\nexec sleep 1000\n")
    r = run(root, "smart", {"device": "/dev/sda", "smart_timeout": "200ms"})
    assert r.one() == ("UNKNOWN", "smartctl did not answer in time (smart_timeout) and was killed")
    real = (FIXTURES / "smart/good/usr/sbin/smartctl").read_text().partition("\n")
    (root / "usr/sbin/smartctl").write_text(real[0] + "\ncase $* in */sda) exec sleep 1000 ;; esac\n" + real[2])
    r = run(root, "smart", {"smart_timeout": "3s"})
    assert {i: s for i, (s, _) in r.items.items()} == {
        "/dev/sda": "UNKNOWN", "/dev/sdb": "UNKNOWN", "/dev/nvme0": "OK", "/dev/bus/0 megaraid,3": "OK"}
    (root / "usr/sbin/smartctl").write_text("#!/bin/sh\nkill -SEGV $$\n")
    assert run(root, "smart", {"device": "/dev/sda"}).one() == ("UNKNOWN", "smartctl crashed")


@pytest.mark.parametrize("options", [
    {"device": "sda"}, {"device": "/dev/sda -x"}, {"device": "/dev/sda sat;reboot"}, {"device": ["/dev/sda", "/dev/sda"]},
    {"pending_warning": "5", "pending_critical": "4"}, {"used_critical": "80%"}, {"used_warning": "300%"}])
def test_smart_wrong_options(options):
    r = run("smart/good", "smart", options)
    assert r.code in (22, 34) and r.reason and r.items == {}


def test_smart_of_this_host():
    """With the real smartctl; a host without such disks is no failure."""
    r = run(None, "smart")
    if r.code == 95:
        pytest.skip(r.reason)
    assert r.code == 13 or all(state != "OK" or text.startswith(("passed", "asleep", "no error")) for state, text in r.items.values())


# --- journal

REMOTE = "/lib/systemd/systemd-journal-remote"
MINUTE = 60_000_000


def add_entries(root, name, entries):
    """Entries of the recorded form, in a file of the journal of their own."""
    now = time.time()

    def absolute(found):
        return f"__REALTIME_TIMESTAMP={int((now - float(found[1])) * 1e6)}\n__MONOTONIC_TIMESTAMP={int((1e5 - float(found[1])) * 1e6)}\n_BOOT_ID={'ab' * 16}"

    text = re.sub(r"__REALTIME_TIMESTAMP=-([0-9.]+)", absolute, entries)
    (root / "var/log/journal").mkdir(parents=True, exist_ok=True)
    subprocess.run([REMOTE, "--output", root / f"var/log/journal/{name}.journal", "-"], input=text.encode(), check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)


@pytest.fixture
def journal(tmp_path):
    if not os.path.exists(REMOTE):
        pytest.skip("systemd-journal-remote is not installed")

    def make(name):
        add_entries(tmp_path, name, (FIXTURES / f"journal/{name}.export").read_text())
        return tmp_path
    return make


def entry(age, message, unit="app.service", more=""):
    return f"__REALTIME_TIMESTAMP=-{age}\nMESSAGE={message}\nPRIORITY=3\n_SYSTEMD_UNIT={unit}\n{more}\n"


def test_journal_good(journal):
    """Old messages, drives without a medium, what programs say, and faults of programs are no fault of the kernel."""
    r = run(journal("good"), "journal")
    assert r.items == {"kernel": ("OK", "none within 1 h"), "oom": ("OK", "none within 1 h")}
    assert r.metrics["kernel", "entries"] == ["0", "", "1", "", "0", ""] and r.evidence == {} and r.watches == []


def test_journal_bad(journal):
    r = run(journal("bad"), "journal")
    assert r.items == {
        "kernel": ("WARNING", "3 grave messages of the kernel within 1 h: INFO: task tar:812 blocked for more than 120 seconds."),
        "oom": ("WARNING", "3 processes were killed because memory ran out within 1 h: "
                           "Killed /system.slice/hog.service due to memory pressure for /system.slice being 80.00%")}
    lines = r.evidence["kernel", "The last of them, newest first"].splitlines()
    assert len(lines) == 3 and lines[2].endswith(" kernel: ata1.00: exception Emask 0x0 SAct 0x0 SErr 0x0 action 0x0")
    assert "Memory cgroup out of memory: Killed process 4800 (python3)" in r.evidence["oom", "The last of them, newest first"]


@pytest.mark.parametrize("options, item, state, text", [
    ({"window": "2h"}, "kernel", "WARNING", "4 grave messages of the kernel within 2 h"),
    ({"kernel_critical": "3"}, "kernel", "CRITICAL", "3 grave"), ({"kernel_warning": "4"}, "kernel", "OK", "3 grave"),
    ({"oom_critical": "2"}, "oom", "CRITICAL", "3 processes"), ({"ignore": ["^INFO: task", "^Killed /"]}, "kernel", "WARNING", "2 grave"),
    ({"ignore": ["^INFO: task", "^Killed /"]}, "oom", "WARNING", "2 processes were killed"),
    ({"identifier": "sshd", "pattern": "Failed password"}, "c", "WARNING", "30 entries within 1 h: Failed password for root from 192.0.2.7 port 4029 ssh2"),
    ({"identifier": "sshd", "pattern": "Failed password", "warning": "31"}, "c", "OK", "30 entries within 1 h"),
    ({"identifier": "sshd", "warning": "0"}, "c", "OK", "30 entries within 1 h"),
    ({"identifier": ["sshd", "app"], "critical": "32", "warning": "31"}, "c", "CRITICAL", "32 entries"),
    ({"unit": "app.service"}, "c", "WARNING", "3 entries within 1 h: app.service: Main process exited"),
    ({"unit": "app.service", "priority": "err"}, "c", "WARNING", "1 entry within 1 h: connection to database lost"),
    ({"unit": "app.service", "priority": "warning", "pattern": ["^retry", "nonesuch"]}, "c", "WARNING", "1 entry within 1 h: retrying"),
    ({"unit": "nonesuch.service"}, "c", "OK", "none within 1 h"), ({"priority": "crit"}, "c", "OK", "none within 1 h")])
def test_journal(options, item, state, text, journal):
    got = run(journal("bad"), "journal", options).items[item]
    assert got[0] == state and text in got[1]


def test_journal_off(journal):
    assert set(run(journal("bad"), "journal", {"kernel_warning": "0"}).items) == {"oom"}


def test_journal_evidence_has_an_end(journal):
    r = run(journal("bad"), "journal", {"identifier": "sshd"})
    assert len(r.evidence["c", "The last of them, newest first"].splitlines()) == 20


def test_journal_container(journal):
    """The kernel's messages go to the host; the service manager tells."""
    root = journal("bad")
    (root / "run/systemd").mkdir(parents=True)
    (root / "run/systemd/container").write_text("lxc\n")
    assert run(root, "journal").items["oom"] == (
        "WARNING", "1 process was killed because memory ran out within 1 h: hog.service: A process of this unit has been killed by the OOM killer.")


def test_journal_goes_on_where_it_was(journal):
    """No entry is counted twice, none is left out, and the window passes."""
    root, options = journal("good"), {"unit": "app.service", "kernel_warning": "0", "oom_warning": "0"}
    memory = run(root, "journal", options).memory
    assert run(root, "journal", options, memory).one()[1].startswith("1 entry within 1 h: I/O error")
    add_entries(root, "later", entry(3, "first") + entry(2, "second"))
    r = run(root, "journal", options, memory)
    assert r.one()[1] == "3 entries within 1 h: second"
    memory = {**memory, **r.memory}
    again = run(root, "journal", options, memory)
    assert again.one() == r.one() and again.memory == {}
    short = {**options, "window": "10m"}  # another window: counted anew, from what lies in it
    assert run(root, "journal", short).one()[1] == "2 entries within 10 min: second"


def test_journal_after_a_gap(journal):
    """The cursor is older than the window: the reading begins with the window."""
    root, options = journal("good"), {"priority": "debug", "kernel_warning": "0", "oom_warning": "0", "warning": "0"}
    old = run(root, "journal", {**options, "window": "3h"}).memory
    cursors = {k: v for k, v in old.items() if "cursor" in k}
    (root / "var/log/journal/good.journal").unlink()
    add_entries(root, "new", entry(5000, "too old") + entry(4000, "too old") + entry(30, "new"))
    assert run(root, "journal", options, cursors).one() == ("OK", "1 entry within 1 h")


def test_journal_cannot_look(tmp_path):
    r = run("journal/missing", "journal")
    assert (r.items, r.code) == ({}, 95) and "no journal" in r.reason
    r = run("journal/garbage", "journal")
    assert r.items == {} and r.code and r.code != 95 and "journal" in r.reason


@pytest.mark.parametrize("options, why", [
    ({"pattern": "("}, "pattern"), ({"ignore": "["}, "ignore"), ({"unit": "nginx"}, "suffix"), ({"warning": "5", "critical": "4"}, "below"),
    ({"kernel_warning": "0", "oom_warning": "0"}, "nothing is looked for"), ({"window": "1s"}, ""), ({"priority": "bad"}, "")])
def test_journal_wrong_options(options, why):
    r = run("journal/missing", "journal", options)
    assert r.code in (22, 34) and why in r.reason and r.items == {}
