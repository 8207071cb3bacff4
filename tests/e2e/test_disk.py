# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk with the state file is full, read-only, or hangs: alerts go out all the same and say so, SIGTERM ends the daemon,
and what happened is stored when the disk is back. In a mount namespace of its own; needs root."""

import os
import signal
import subprocess
import time

import pytest

import harness
from test_helpers import status, wait_until

# A process that holds the mount namespace says which words it could carry out, and keeps it until its input ends.
HOLDER = """
mount --make-rprivate / || exit 1
{mount} || exit 1
echo mounted
exec cat
"""


class Disk:
    def __init__(self, folder, mount):
        self.folder = folder
        folder.mkdir()
        self.holder = subprocess.Popen(["unshare", "-m", "sh", "-c", HOLDER.format(mount=mount)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.holder.stdout.readline() != b"mounted\n":
            pytest.skip(f"cannot mount: {self.holder.communicate()[1].decode(errors='replace')}")

    def run(self, *command):
        return subprocess.run(["nsenter", "-t", str(self.holder.pid), "-m", *command], capture_output=True, text=True,
                              timeout=30)

    def end(self):
        self.run("fsfreeze", "-u", str(self.folder))
        self.holder.stdin.close()
        self.holder.wait(10)


@pytest.fixture
def disk(setup, tmp_path, monkeypatch):
    """A function that mounts something for the state file."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount")
    disks = []

    def make(mount):
        d = Disk(tmp_path / "state", mount.format(folder=tmp_path / "state", tmp=tmp_path))
        disks.append(d)
        setup.state = d.folder / "state.db"
        within = tmp_path / "within"
        within.write_text(f"#!/bin/sh\nexec nsenter -t {d.holder.pid} -m {harness.program('tocsind')} \"$@\"\n")
        within.chmod(0o755)
        real = harness.program
        monkeypatch.setattr(harness, "program", lambda name: str(within) if name == "tocsind" else real(name))
        return d

    yield make
    for d in disks:
        d.end()


def knows_after_a_crash(setup, daemon, d, catcher, alert, victim):
    """Kill -9 and a new daemon: the problem of ALERT stands, is told by no other mail, and its end goes into the same thread."""
    incidents = [(i["state"], i["incident"]) for i in status(setup)["items"]]
    d.crash()
    before = len(catcher.mails)
    d = daemon(setup)
    wait_until(lambda: [(i["state"], i["incident"]) for i in status(setup)["items"]] == incidents)
    assert incidents[0][0] == "CRITICAL" and incidents[0][1]
    time.sleep(2)
    # It may have been killed between the receipt and its commit: then the same mail came once more.
    assert [m for m in catcher.mails[before:] if m.message["Message-ID"] != alert.message["Message-ID"]] == []
    victim.start()
    recovery = catcher.wait("RECOVERED process victim", after=before)
    assert alert.message["Message-ID"].strip() in recovery.message["References"]
    return d


def late(catcher, act, pattern, what):
    """ACT, and the mail that tells it; prints how late it was."""
    before, began = len(catcher.mails), time.monotonic()
    act()
    mail = catcher.wait(pattern, after=before, timeout=60)
    print(f"{what}: {time.monotonic() - began:.1f} s")
    return mail


FULL = {"tmpfs": "mount -t tmpfs -o size=16m tmpfs {folder}",
        "ext4": "truncate -s 16M {tmp}/image && mkfs.ext4 -q {tmp}/image && mount -o loop {tmp}/image {folder}"}


def fill(fs, name):
    for size in ("64k", "1"):
        fs.run("dd", "if=/dev/zero", f"of={fs.folder}/{name}", f"bs={size}", "oflag=append", "conv=notrunc,fsync")
    assert fs.run("sh", "-c", f"echo x > {fs.folder}/more && sync").returncode != 0, "it is not full"


@pytest.mark.parametrize("kind", FULL)
def test_full(setup, disk, daemon, catcher, victim, kind):
    """The state file has a reserve: what happens on a disk without a free byte is stored."""
    fs = disk(FULL[kind])
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started: OK")
    fill(fs, "filler")
    for n in range(3):
        alert = late(catcher, victim.kill, "CRITICAL process victim", f"{kind} is full, alert {n + 1}")
        recovery = late(catcher, victim.start, "RECOVERED process victim", f"{kind} is full, recovery {n + 1}")
        assert "state file" not in alert.text + recovery.text
    alert = late(catcher, victim.kill, "CRITICAL process victim", f"{kind} is full, the last alert")
    d = knows_after_a_crash(setup, daemon, d, catcher, alert, victim)
    assert d.stop() < harness.END_WITHIN


@pytest.mark.parametrize("kind", FULL)
def test_full_before_there_is_a_reserve(setup, disk, daemon, catcher, victim, kind):
    """It cannot be stored: the mail says so, and when there is room again it is."""
    fs = disk(FULL[kind])
    fs.run("touch", str(setup.state))
    fill(fs, "filler")
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started: OK")
    alert = late(catcher, victim.kill, "CRITICAL process victim", f"{kind} was full at the start, alert")
    assert "state file cannot be written" in " ".join(alert.text.split())
    fs.run("rm", f"{fs.folder}/filler")
    began = time.monotonic()
    d.wait_log("written again", timeout=90)
    print(f"{kind}: written again {time.monotonic() - began:.1f} s after there was room")
    d = knows_after_a_crash(setup, daemon, d, catcher, alert, victim)
    recovery = catcher.wait("RECOVERED process victim")
    assert "state file cannot be written" not in " ".join(recovery.text.split())
    assert d.stop() < harness.END_WITHIN


def test_remounted_read_only(setup, disk, daemon, catcher, victim):
    """What ext4 does after an error, while the daemon runs; then a check of the file system and a new mount."""
    fs = disk("truncate -s 16M {tmp}/image && mkfs.ext4 -q {tmp}/image && "
              "mount -o loop,errors=remount-ro {tmp}/image {folder}")
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started: OK")
    time.sleep(1)
    trigger = "echo a test of tocsin > /sys/fs/ext4/$(basename $(findmnt -no SOURCE {folder}))/trigger_fs_error"
    if fs.run("sh", "-c", trigger.format(folder=fs.folder)).returncode != 0:
        pytest.skip("the kernel lets nobody trigger an error of ext4")
    assert fs.run("touch", f"{fs.folder}/x").returncode != 0
    alert = late(catcher, victim.kill, "CRITICAL process victim", "remounted read-only, alert")
    assert "state file cannot be written" in " ".join(alert.text.split())
    late(catcher, victim.start, "RECOVERED process victim", "remounted read-only, recovery")
    alert = late(catcher, victim.kill, "CRITICAL process victim", "remounted read-only, next alert")
    # Over the old one: without a mount for a moment the state file could begin anew, in the folder below.
    image = f"{setup.folder}/image"
    r = fs.run("sh", "-c", f"cp {image} {image}.mended && e2fsck -fy {image}.mended; [ $? -le 1 ] && "
                           f"mount -o loop {image}.mended {fs.folder}")
    assert r.returncode == 0, r
    began = time.monotonic()
    d.wait_log("written again", timeout=90)
    print(f"written again {time.monotonic() - began:.1f} s after it was mounted anew")
    d = knows_after_a_crash(setup, daemon, d, catcher, alert, victim)
    assert d.stop() < harness.END_WITHIN


def test_read_only_at_the_start(setup, disk, daemon, catcher, victim):
    fs = disk("mount -t tmpfs -o size=4m,ro tmpfs {folder}")
    setup.write(victim.check())
    d = daemon(setup)
    assert "state file" in catcher.wait("started: OK").text
    victim.kill()
    assert "state file" in catcher.wait("CRITICAL process victim").text
    assert fs.run("mount", "-o", "remount,rw", str(fs.folder)).returncode == 0
    d.wait_log("written again", timeout=60)
    assert d.stop() < harness.END_WITHIN
    victim.start()
    before = len(catcher.mails)
    daemon(setup)
    catcher.wait("RECOVERED process victim")
    assert len(catcher.mails) == before + 1


def test_hanging(setup, disk, daemon, catcher, victim):
    """Frozen: who writes there cannot even be killed."""
    fs = disk("truncate -s 32M {tmp}/image && mkfs.ext4 -q {tmp}/image && mount -o loop {tmp}/image {folder}")
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started: OK")
    time.sleep(2)
    assert fs.run("fsfreeze", "-f", str(fs.folder)).returncode == 0
    began = time.monotonic()
    victim.kill()
    assert "state file" in catcher.wait("CRITICAL process victim").text
    print(f"alert {time.monotonic() - began:.1f} s after the fault, while its disk hung")
    began = time.monotonic()
    victim.start()
    assert "state file" in catcher.wait("RECOVERED process victim").text
    print(f"the next one after {time.monotonic() - began:.1f} s")
    assert fs.run("fsfreeze", "-u", str(fs.folder)).returncode == 0
    d.wait_log("written again", timeout=60)

    time.sleep(2)
    assert fs.run("fsfreeze", "-f", str(fs.folder)).returncode == 0
    before = len(catcher.mails)
    victim.kill()
    catcher.wait("CRITICAL process victim", after=before)
    began = time.monotonic()
    d.process.send_signal(signal.SIGTERM)
    d.process.wait(20)
    assert time.monotonic() - began < harness.END_WITHIN
    assert d.process.returncode == 0

    # A new daemon on the disk that still hangs, beside a writer that still hangs.
    before = len(catcher.mails)
    again = daemon(setup)
    assert "state file" in catcher.wait("victim|started", after=before, timeout=60).text
    again.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    again.process.wait(20)
    assert time.monotonic() - began < harness.END_WITHIN
    assert fs.run("fsfreeze", "-u", str(fs.folder)).returncode == 0
    d.stop()
    again.stop()
