# SPDX-License-Identifier: GPL-3.0-or-later
"""The file system that holds the state file, the programs and the modules hangs (hangfs.py): during one alert, during the
next ones, and when SIGTERM comes. Each alert arrives and says that it could not be stored, the daemon ends in time, and
another one goes on in memory. In a mount namespace of its own; needs root and FUSE."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

import harness
from test_helpers import status, wait_until

HERE = pathlib.Path(__file__).parent


class HangingDisk:
    """HOW: "unanswered": who asks it cannot be killed; "stopped": nobody reads what is asked."""

    def __init__(self, folder, how):
        self.how = how
        self.backing, self.folder = folder / "backing", folder / "disk"
        for path in (self.backing, self.folder, self.backing / "state"):
            path.mkdir()
        self.server = subprocess.Popen([sys.executable, HERE / "hangfs.py", self.backing, self.folder],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.server.stdout.readline() != "mounted\n":
            pytest.skip(self.server.communicate()[1].strip())

    def take_programs(self):
        for name in ("tocsind", "tocsin-check", "tocsin-mail", "tocsin-store"):
            shutil.copy(harness.program(name), self.backing)
        shutil.copytree(harness.BUILD / "checks" / ".libs", self.backing / "checks")

    def within(self, program):
        """A script that runs PROGRAM where this is mounted."""
        script = self.backing.with_name(f"within-{pathlib.Path(program).parent.name}")
        script.write_text(f"#!/bin/sh\nexec nsenter -t {self.server.pid} -m {program} \"$@\"\n")
        script.chmod(0o755)
        return str(script)

    def _obey(self, word):
        self.server.stdin.write(word + "\n")
        self.server.stdin.flush()
        assert self.server.stdout.readline() == word + "\n"

    def hang(self):
        self.server.send_signal(signal.SIGSTOP) if self.how == "stopped" else self._obey("hang")
        self.reader = subprocess.Popen(["nsenter", "-t", str(self.server.pid), "-m", "cat", self.folder / "tocsind"],
                                       stdout=subprocess.DEVNULL)

    def go(self):
        assert self.reader.poll() is None, "it did not hang"
        self.server.send_signal(signal.SIGCONT) if self.how == "stopped" else self._obey("go")
        assert self.reader.wait(20) == 0

    def end(self):
        self.server.send_signal(signal.SIGCONT)
        self.server.stdin.close()
        self.server.wait(10)


@pytest.fixture(params=["unanswered", "stopped"])
def disk(request, setup, tmp_path, monkeypatch):
    """The daemon's programs, modules and state are on it from now on."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("needs root and /dev/fuse")
    d = HangingDisk(tmp_path, request.param)
    d.take_programs()
    d.elsewhere = {"environment": setup.environment, "program": d.within(harness.program("tocsind"))}
    real = harness.program
    there = d.within(d.folder / "tocsind")
    d.use = {"program": there}
    monkeypatch.setattr(harness, "program", lambda name: d.use["program"] if name == "tocsind" else real(name))
    environment = setup.environment
    setup.environment = lambda: {**environment(), "TOCSIN_LIBEXEC_DIR": str(d.folder),
                                 "TOCSIN_CHECK_DIR": str(d.folder / "checks")}
    setup.state = d.folder / "state" / "state.db"
    yield d
    d.end()


def told(catcher, act, pattern, what):
    """ACT, and the mail that tells it."""
    before, began = len(catcher.mails), time.monotonic()
    act()
    mail = catcher.wait(pattern, after=before, timeout=60)
    print(f"{what}: {time.monotonic() - began:.1f} s")
    return mail


def test_everything_on_a_disk_that_hangs(setup, disk, daemon, catcher, victim):
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("started: OK")
    time.sleep(2)  # helpers stand by

    disk.hang()
    alert = told(catcher, victim.kill, "CRITICAL process victim", f"{disk.how}, alert while it hangs")
    assert "state file" in alert.text
    assert "state file" in "".join(status(setup)["notes"])
    disk.go()
    d.wait_log("written again", timeout=60)
    recovery = told(catcher, victim.start, "RECOVERED process victim", f"{disk.how}, recovery when it is back")
    assert alert.message["Message-ID"].strip() in recovery.message["References"]

    wait_until(lambda: not status(setup)["outbox"])
    time.sleep(2)
    disk.hang()
    for n in (1, 2):
        alert = told(catcher, victim.kill, "CRITICAL process victim", f"{disk.how}, alert {n} while it hangs again")
        assert "state file" in alert.text
        recovery = told(catcher, victim.start, "RECOVERED process victim", f"{disk.how}, recovery {n}")
        assert "state file" in recovery.text
    d.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    d.process.wait(20)
    took = time.monotonic() - began
    print(f"{disk.how}, SIGTERM: {took:.1f} s")
    assert took < harness.END_WITHIN and d.process.returncode == 0, d.log
    d.crash()

    # A daemon from elsewhere, beside a writer that still hangs in the state file.
    setup.environment, disk.use["program"] = disk.elsewhere["environment"], disk.elsewhere["program"]
    before, began = len(catcher.mails), time.monotonic()
    again = daemon(setup)
    assert "state file" in catcher.wait("started", after=before, timeout=60).text
    print(f"{disk.how}, a second daemon was there after {time.monotonic() - began:.1f} s")
    told(catcher, victim.kill, "CRITICAL process victim", f"{disk.how}, its alert")
    disk.go()
    again.wait_log("written again", timeout=60)
    again.crash()
    before = len(catcher.mails)
    last = daemon(setup)
    wait_until(lambda: [i["state"] for i in status(setup)["items"]] == ["CRITICAL"])
    time.sleep(2)
    assert catcher.mails[before:] == []
    assert last.stop() < harness.END_WITHIN


@pytest.mark.parametrize("disk", ["unanswered"], indirect=True)
def test_a_check_hangs_there_too_and_takes_the_last_checker_with_it(setup, disk, daemon, catcher, victim):
    """No further one can be started from that disk. What nobody can look at is UNKNOWN, and is told."""
    setup.write(victim.check(), harness.check("there", "file", path=disk.folder / "tocsind", timeout="3s", watch="no"))
    d = daemon(setup)
    catcher.wait("started: OK")
    time.sleep(2)
    alert = told(catcher, disk.hang, "UNKNOWN file", "the check of the disk that hangs")
    assert "stuck in the kernel" in " ".join(alert.text.split())
    alert = told(catcher, victim.kill, "UNKNOWN process victim", "a check that nobody can look at any more")
    assert "nobody could look" in " ".join(alert.text.split())
    disk.go()
    told(catcher, lambda: None, "CRITICAL process victim", "what was wrong, when it is back")
    assert d.stop() < harness.END_WITHIN
