# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd is told, and what it hands over. The harness plays the service manager."""
import contextlib
import os
import pathlib
import re
import subprocess
import time

import pytest

import harness
from test_daemon import LOAD


def test_status_names_the_worst(setup, daemon, victim):
    setup.write(victim.check())
    d = daemon(setup)
    d.wait_notified("STATUS", r"^OK \(1 check\)")
    victim.kill()
    d.wait_notified("STATUS", r"^1 CRITICAL; CRITICAL: victim")
    assert all(len(status) < 1000 for status in d.notified("STATUS"))
    assert len(set(d.notified("STATUS"))) == len(d.notified("STATUS")), "the same is not told twice in a row"


def test_a_stop_asks_for_the_time_it_takes(setup, daemon):
    setup.write(LOAD)
    d = daemon(setup)
    d.stop()
    assert d.notified("STOPPING") == ["1"] and d.notified("EXTEND_TIMEOUT_USEC") == ["5000000"]


def test_a_reload_says_when_it_began(setup, daemon):
    setup.write(LOAD)
    d = daemon(setup)
    d.reload()
    d.wait_notified("READY", "^1$", count=2)
    assert d.notified("RELOADING") == ["1"] and int(d.notified("MONOTONIC_USEC")[0]) > 0
    keys = [k for k, _ in d.messages]
    assert keys.index("RELOADING") + 1 == keys.index("MONOTONIC_USEC"), "in one message"


def test_a_wrong_configuration_says_so(setup):
    setup.config.write_text("[tocsin]\nintervall = 1s\n")
    d = harness.Daemon(setup)
    d.process.wait(30)
    d.wait_notified("ERRNO", "^22$")
    assert d.process.returncode == 78 and "READY" not in [k for k, _ in d.messages]
    d.kill()


def test_a_crash_is_mailed_and_an_ordinary_restart_is_not(setup, daemon, catcher, victim):
    setup.write(victim.check())
    d = daemon(setup)
    catcher.wait("monitoring started")
    d.stop()
    d = daemon(setup)
    victim.kill()
    catcher.wait("CRITICAL process victim")  # so the file knows of this life
    d.crash()
    for pid, _ in d.leftovers():
        os.kill(pid, 9)
    daemon(setup)
    mail = catcher.wait("tocsin restarted, did not end in order, last alive .* before")
    assert "journalctl -u tocsin -e" in mail.text
    assert len(catcher.restarts) == 1 and not [m for m in catcher.mails if "restarted" in m.subject]


PASS_ON = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_FDS"] = "1"
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_a_socket_that_was_handed_over(setup, daemon, tmp_path):
    """It is used, it is not made a second time, and it stays when the daemon ends; helpers do not get it."""
    setup.write(LOAD)
    path = tmp_path / "handed-over"
    d = daemon(setup, prefix=["/usr/bin/python3", "-c", PASS_ON, str(path)])
    setup.control.unlink(missing_ok=True)
    done = subprocess.run([harness.program("tocsin"), "--control", str(path), "incidents"], env=setup.environment(),
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not setup.control.exists()
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(d.process.pid)], capture_output=True, text=True,
                              check=True).stdout.split()
    seen = []
    for pid in children:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # It ended since.
            seen.append(pathlib.Path(f"/proc/{pid}/environ").read_bytes())
    assert seen and not [e for e in seen if b"LISTEN_" in e]
    d.stop()
    assert path.exists()


def test_what_was_handed_over_is_no_socket(setup, daemon):
    setup.write(LOAD)
    code = PASS_ON.replace("s.listen()", "s = open('/dev/null')")
    d = daemon(setup, prefix=["/usr/bin/python3", "-c", code, str(setup.folder / "unused")])
    d.wait_log("not one listening stream socket")
    assert setup.tocsin("incidents").returncode == 0


# ---- WATCHDOG=1 proves progress

WEDGE = pathlib.Path(__file__).parents[1] / "support" / "wedge.c"
BOOTTIME = 7
SECOND = 1_000_000


@pytest.fixture(scope="session")
def wedge(tmp_path_factory):
    library = tmp_path_factory.mktemp("wedge") / "wedge.so"
    done = subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, WEDGE, "-ldl"], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        pytest.skip(f"the fault cannot be built: {done.stderr[-200:]}")
    return library


def wedged(daemon, setup, wedge, begin, end):
    """A daemon that loses its timers on CLOCK_BOOTTIME that lie so many seconds ahead. Touch LEAP and an hour has passed."""
    leap = setup.folder / "leap"
    return leap, daemon(setup, watchdog_usec=2 * SECOND, prefix=[
        "/usr/bin/env", f"LD_PRELOAD={wedge}", f"TOCSIN_WEDGE_CLOCK={BOOTTIME}", f"TOCSIN_WEDGE_FROM={begin * SECOND}",
        f"TOCSIN_WEDGE_TO={end * SECOND}", f"TOCSIN_WEDGE_LEAP={leap}"])


def assert_pings_end(d, leap):
    d.wait_notified("WATCHDOG", "^1$", count=len(d.notified("WATCHDOG")) + 2)
    leap.touch()
    d.wait_log("(no progress: systemd is not told(?s:.*)){2}")
    pings = len(d.notified("WATCHDOG"))
    time.sleep(3)
    assert len(d.notified("WATCHDOG")) == pings and d.process.poll() is None


def test_a_schedule_that_is_lost_ends_the_pings(setup, daemon, wedge, victim):
    setup.sections["tocsin"]["interval"] = "600s"
    setup.write(victim.check())
    leap, d = wedged(daemon, setup, wedge, 400, 700)
    d.wait_notified("STATUS", "OK")
    assert_pings_end(d, leap)
    d.kill()


def test_without_a_fault_an_hour_is_no_lack_of_progress(setup, daemon, wedge, victim):
    setup.sections["tocsin"]["interval"] = "600s"
    setup.write(victim.check())
    leap, d = wedged(daemon, setup, wedge, -2, -1)
    d.wait_notified("STATUS", "OK")
    leap.touch()
    # What is due by then may be found overdue once, before it is started.
    d.wait_notified("WATCHDOG", "^1$", count=len(d.notified("WATCHDOG")) + 6)
