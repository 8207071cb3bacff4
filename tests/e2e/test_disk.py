# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk with the state file is full, read-only, or hangs: alerts go out all the same and say so, SIGTERM ends the daemon,
and what happened is stored when the disk is back. In a mount namespace of its own; needs root."""

import os
import signal
import subprocess
import time

import pytest

import harness

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


def test_full(setup, disk, daemon, catcher, victim):
    fs = disk("mount -t tmpfs -o size=4m tmpfs {folder}")
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started: OK")
    fs.run("dd", "if=/dev/zero", f"of={fs.folder}/filler", "bs=4k")
    assert fs.run("sh", "-c", f"echo x > {fs.folder}/more").returncode != 0
    for _ in range(3):
        before = len(catcher.mails)
        victim.kill()
        catcher.wait("CRITICAL process victim", after=before)
        victim.start()
        catcher.wait("RECOVERED process victim", after=before)
    assert d.stop() < harness.END_WITHIN
    # and with a file that has no reserve at all
    fs.run("sh", "-c", f"rm {setup.state}*; dd if=/dev/zero of={fs.folder}/filler2 bs=4k")
    d = daemon(setup)
    catcher.wait("started: OK", after=len(catcher.mails))
    before = len(catcher.mails)
    victim.kill()
    assert "state file" in catcher.wait("CRITICAL process victim", after=before).text
    fs.run("rm", f"{fs.folder}/filler", f"{fs.folder}/filler2")
    d.wait_log("written again", timeout=60)
    victim.start()
    assert "state file" in catcher.wait("RECOVERED process victim", after=before).text  # for how long it was not
    assert d.stop() < harness.END_WITHIN
    before = len(catcher.mails)
    daemon(setup)
    time.sleep(3)
    assert catcher.mails[before:] == []


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
