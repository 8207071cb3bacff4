# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to Debian beside the package itself, which tests/system builds and installs: rules for logcheck, and the
profile for AppArmor."""
import pathlib
import shutil
import subprocess

import pytest

import harness

DEBIAN = pathlib.Path(__file__).parents[2] / "debian"
RULES = DEBIAN / "tocsin.logcheck.ignore.server"
STAMPS = ["Nov 25 20:00:01", "Nov  5 20:00:01", "2026-11-25T20:00:01.123456+00:00"]


def unmatched(lines):
    """As logcheck does it."""
    run = subprocess.run(["grep", "-E", "-v", "-f", RULES], input="\n".join(lines) + "\n", capture_output=True, text=True,
                         env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
    assert run.returncode in (0, 1) and not run.stderr
    return run.stdout.splitlines()


def logged(log, stamp):
    for line in log.splitlines():
        program, _, text = line.partition(": ")
        yield f"{stamp} web1 {program}[4711]: {text}"


def test_logcheck_is_silent_about_an_ordinary_day(setup, daemon, tmp_path, catcher):
    probe = harness.Probe(tmp_path, "probe")
    setup.write(probe.check(), harness.check("raid", "raid"))
    d = daemon(setup)
    catcher.wait("monitoring started")
    probe.say("CRITICAL")
    catcher.wait("CRITICAL")
    probe.say("OK")
    catcher.wait("RECOVERED")
    d.reload()
    d.wait_log("configuration reloaded")
    d.stop()
    for stamp in STAMPS:
        assert unmatched(logged(d.log, stamp)) == []


@pytest.mark.parametrize("text", [
    'the state file /var/lib/tocsin/state.db cannot be written: No space left; going on in memory',
    'mail "x" to ops@example.org: temporary (450 4.2.1 busy)', 'mail "x" will not reach ops@example.org (refused): 550 no',
    "the configuration was not reloaded: the one in force stays in force", "no progress: systemd is not told that all is well",
    "no mail can be sent: a mail server or a recipient is not configured (run tocsin setup)"])
def test_logcheck_tells_what_nobody_was_mailed(text):
    line = f"Nov 25 20:00:01 web1 tocsind[4711]: {text}"
    assert unmatched([line]) == [line]


@pytest.mark.skipif(not shutil.which("apparmor_parser") or not pathlib.Path("/etc/apparmor.d/tunables/global").exists(),
                    reason="apparmor is not installed")
def test_the_profile_is_well_formed():
    """Whether it fits can only be seen where the kernel has AppArmor; it complains only, until an administrator enforces it."""
    run = subprocess.run(["apparmor_parser", "-Q", "-K", DEBIAN / "apparmor/usr.sbin.tocsind"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "flags=(complain)" in (DEBIAN / "apparmor/usr.sbin.tocsind").read_text()
