# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches, from the real event to the result of the daemon, and what remains when one is lost.

The interval is an hour: whatever is noticed within a test came through a watch. How many milliseconds it took is
printed, not judged. Units and the journal need a booted systemd: unit_booted.py, journal_booted.py."""

import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

import harness
from test_helpers import status, wait_until

PRIVATE = ("unshare", "--mount", "--propagation", "private")
PAUSE = 1.2  # seconds: past the pause between two looks that watches ask for
LIMITLESS = 60  # seconds: a machine that is busy with other things


def patient(setup, interval="1h"):
    setup.sections["tocsin"]["interval"] = interval
    setup.sections["alert"]["retry_interval"] = interval
    return setup


def allowed(prefix):
    """Skips where PREFIX cannot do what it is for."""
    p = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    if p.returncode:
        pytest.skip(f"not allowed here: {p.stderr.strip()[-200:]}")


def inside(d, *command):
    """In the name spaces of the daemon."""
    subprocess.run(["nsenter", "-t", str(d.process.pid), "--mount", "--net", *command], check=True)


def needs_inotify(setup, check):
    """Other programs of this user may have all that there are."""
    if "Not watched" in (text := setup.tocsin("check", check).stdout):
        pytest.skip(f"no inotify left: {text.strip()[-200:]}")


def state_of(setup, check):
    return {i["item"]: i["state"] for i in status(setup)["items"] if i["check"] == check}


def measure(d, what, event, pattern):
    """Milliseconds from EVENT to the line of the log that tells the result."""
    began = time.monotonic()
    event()
    d.wait_log(pattern, LIMITLESS)
    print(f"{what}: {(time.monotonic() - began) * 1000:.1f} ms from the event to the result, load {os.getloadavg()[0]:.1f}")


def test_process(setup, daemon, catcher, victim):
    patient(setup).write(victim.check())
    d = daemon(setup)
    catcher.wait("started: OK")
    time.sleep(PAUSE)
    measure(d, "process", victim.kill, "problem: CRITICAL: victim")
    assert d.stop() < harness.END_WITHIN


def test_file(setup, daemon, catcher, tmp_path):
    path = tmp_path / "watched"
    path.write_text("x")
    patient(setup).write(harness.check("f", "file", path=path))
    d = daemon(setup)
    catcher.wait("started: OK")
    needs_inotify(setup, "f")
    time.sleep(PAUSE)
    measure(d, "file removed", path.unlink, "problem: CRITICAL: f ")
    time.sleep(PAUSE)
    measure(d, "file created", lambda: path.write_text("x"), "recovered: OK: f ")
    assert d.stop() < harness.END_WITHIN


def test_mount(setup, daemon, catcher, tmp_path):
    allowed(PRIVATE)
    where = tmp_path / "data"
    where.mkdir()
    # "mount" looks at the mounts of process 1, which no test may change; "disk" watches its own list of them.
    patient(setup).write(harness.check("m", "disk", path=where, mounted="yes", warning="100%", critical="100%"))
    script = f"mount -t tmpfs -o size=64k none {where} && exec \"$@\""
    d = daemon(setup, prefix=(*PRIVATE, "sh", "-c", script, "sh"))
    catcher.wait("started: OK")
    time.sleep(PAUSE)
    measure(d, "mount", lambda: inside(d, "umount", str(where)), "problem: CRITICAL: m ")
    assert d.stop() < harness.END_WITHIN


def test_network(setup, daemon, catcher):
    if not shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin"):
        pytest.skip("no ip (iproute2) here")
    namespace = (*PRIVATE, "--net")
    allowed(namespace)
    patient(setup).write(harness.check("n", "network", interface="one"))
    script = ("export PATH=$PATH:/usr/sbin:/sbin; mount -t sysfs sysfs /sys && ip link set lo up && "
              "ip link add one type veth peer name two && ip link set one up && ip link set two up && exec \"$@\"")
    setup.mail = None  # the server is not in this network
    d = daemon(setup, prefix=(*namespace, "sh", "-c", script, "sh"))
    wait_until(lambda: state_of(setup, "n") == {"one": "OK"}, LIMITLESS)
    time.sleep(PAUSE)
    measure(d, "network", lambda: inside(d, "/bin/sh", "-c", "PATH=$PATH:/usr/sbin:/sbin ip link set two down"),
            "problem: (CRITICAL|WARNING): n ")
    assert d.stop() < harness.END_WITHIN


def test_pressure(setup, daemon, catcher):
    """The kernel says that processes wait for a processor: it looks again long before its interval."""
    if not pathlib.Path("/proc/pressure/cpu").exists():
        pytest.skip("no /proc/pressure: this kernel has no PSI")
    patient(setup).write(harness.check("p", "pressure"))
    d = daemon(setup)
    wait_until(lambda: status(setup)["items"], LIMITLESS)
    first = looked(setup, "p")
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"], stdin=subprocess.DEVNULL)
            for _ in range(8 * os.cpu_count())]
    began = time.monotonic()
    try:
        try:
            wait_until(lambda: looked(setup, "p") != first, LIMITLESS)
        except AssertionError:
            pytest.skip("the kernel took the trigger and never fired it, or the host is too strong for 8 loops a processor")
        print(f"pressure: looked again {(time.monotonic() - began) * 1000:.0f} ms after the load began (its window is seconds)")
    finally:
        for p in hogs:
            p.kill()
            p.wait()
    assert d.stop() < harness.END_WITHIN


def looked(setup, check):
    """When each item was looked at."""
    return {i["item"]: i["last_look"] for i in status(setup)["items"] if i["check"] == check}


def test_a_storm_of_events_is_not_a_storm_of_looks(setup, daemon, catcher, tmp_path):
    path = tmp_path / "busy"
    path.write_text("x")
    patient(setup).write(harness.check("f", "file", path=path))
    d = daemon(setup)
    catcher.wait("started: OK")
    needs_inotify(setup, "f")
    times, events, began = set(), 0, time.monotonic()
    while time.monotonic() < began + 6:
        for _ in range(50):
            path.chmod(0o600 + events % 2 * 0o40)
            events += 1
        times |= set(looked(setup, "f").values())
    lasted = time.monotonic() - began
    print(f"{events} events in {lasted:.1f} s, {len(times)} looks")
    assert 2 <= len(times) <= lasted + 2
    assert d.stop() < harness.END_WITHIN


def test_a_lost_watch_leaves_the_slow_poll(setup, daemon, catcher, tmp_path):
    """No inotify for this daemon: the change is seen by the next look, and the check says why not before."""
    prefix = ("unshare", "--user", "--map-root-user", "sh", "-c",
              "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"", "sh")
    allowed(prefix)
    path = tmp_path / "unwatched"
    path.write_text("x")
    patient(setup, "3s").write(harness.check("f", "file", path=path))
    d = daemon(setup, prefix=prefix)
    catcher.wait("started: OK")
    assert "fs.inotify.max_user_instances" in setup.tocsin("check", "f").stdout
    path.unlink()
    catcher.wait("CRITICAL file", LIMITLESS)
    assert d.stop() < harness.END_WITHIN


def test_a_file_that_cannot_be_watched_leaves_the_slow_poll(setup, daemon, catcher, tmp_path):
    """A simulated mdstat, as this host has no array: the kernel refuses to watch an ordinary file."""
    allowed(PRIVATE)
    mdstat = tmp_path / "mdstat"
    good = "Personalities : [raid1]\nmd0 : active raid1 sdb1[1] sda1[0]\n      1000 blocks [2/2] [UU]\n\nunused devices: <none>\n"
    mdstat.write_text(good)
    patient(setup, "3s").write(harness.check("r", "raid"))
    script = f"mount --bind {mdstat} /proc/mdstat && exec \"$@\""
    if not pathlib.Path("/proc/mdstat").exists():
        pytest.skip("no /proc/mdstat to put another one over")
    d = daemon(setup, prefix=(*PRIVATE, "sh", "-c", script, "sh"))
    d.wait_log("r: a descriptor cannot be watched: .*; polling remains", LIMITLESS)
    mdstat.write_text(good.replace("sda1[0]", "sda1[0](F)").replace("[2/2] [UU]", "[2/1] [U_]"))
    catcher.wait("(CRITICAL|WARNING) raid", LIMITLESS)
    assert d.stop() < harness.END_WITHIN


def test_more_watches_than_descriptors(setup, daemon, catcher, victim):
    """Those past the limit are polled, and that is said; helpers still start, and alerts still go out."""
    patient(setup, "3s").write(*(harness.check(f"v{i}", "process", pidfile=victim.pidfile) for i in range(150)))
    d = daemon(setup, prefix=("prlimit", "--nofile=120:120"))
    catcher.wait("started: OK", LIMITLESS)
    assert d.log.count("LimitNOFILE=") == 1 and "Too many open files" not in d.log
    victim.kill()
    wait_until(lambda: all(i["state"] == "CRITICAL" for i in status(setup)["items"]), LIMITLESS)
    assert any("LimitNOFILE=" in m.text for m in catcher.mails)
    assert d.stop() < harness.END_WITHIN


def test_nothing_new_is_not_written(setup, daemon, catcher, victim, tmp_path):
    """A host on which nothing happens does not wake its disk at each look."""
    path = tmp_path / "file"
    path.write_text("x")
    patient(setup, "1s").write(victim.check(), harness.check("f", "file", path=path))
    d = daemon(setup)
    catcher.wait("started: OK")
    time.sleep(3)
    written = setup.state.stat().st_mtime_ns
    before = looked(setup, "f")
    wait_until(lambda: looked(setup, "f") != before)
    time.sleep(4)
    assert setup.state.stat().st_mtime_ns == written
    assert d.stop() < harness.END_WITHIN
