# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that is set while the daemon runs. CLOCK_REALTIME belongs to the whole machine, so a library stands between the daemon
and the kernel (tests/support/clock.c), which also plays how timers of that clock and timerfd_create(2) tell of the step."""
import datetime
import os
import pathlib
import struct
import subprocess
import time

import pytest

from harness import BUILD, wait_until
from state import value
from test_alerts import is_quiet, probes, setup, subjects, the_next  # noqa: F401
from test_outbox import HOUR, outbox, wait_outbox, words

LIBRARY = pathlib.Path(__file__).parents[1] / "support" / "clock.c"


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    built = tmp_path_factory.mktemp("clock") / "clock.so"
    done = subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", built, LIBRARY, "-ldl", "-lpthread"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the clock cannot be built: {done.stderr[-200:]}")
    return built


class Clock:
    def __init__(self, setup, daemon, library):
        self.setup, self.start = setup, daemon
        self.path = setup.folder / "clock"
        self.path.write_bytes(struct.pack("=q", 0))
        self.hours = 0
        self.prefix = ["/usr/bin/env", "TZ=UTC", f"LD_PRELOAD={library}", f"TOCSIN_CLOCK={self.path}"]

    def daemon(self):
        self.d = self.start(self.setup, prefix=self.prefix)
        return self.d

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=self.hours)

    def step(self, hours):
        """The daemon sees that it is set by so many hours."""
        seen = self.d.log.count("the clock was set")
        self.hours += hours
        with self.path.open("r+b") as f:
            os.pwrite(f.fileno(), struct.pack("=q", round(self.hours * HOUR)), 0)
        wait_until(lambda: self.d.log.count("the clock was set") > seen, "that the daemon sees it", timeout=20)


@pytest.fixture
def clock(setup, daemon, library):
    if b"__asan_init" in (BUILD / "src/tocsind").read_bytes():
        pytest.skip("AddressSanitizer wants to be the first library")
    return Clock(setup, daemon, library)


def begin(clock, setup, catcher, *checks, text=""):
    setup.write(*checks, text=text)
    d = clock.daemon()
    catcher.wait("monitoring started")
    wait_until(lambda: not outbox(setup), "an empty outbox")
    return d


def at(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.mark.parametrize("hours, said", [(3, "forward by 3 h"), (-3, "back by 3 h")])
def test_what_is_queued_and_what_has_an_interval(clock, setup, catcher, probes, hours, said):
    web = probes("web")
    d = begin(clock, setup, catcher, web.check())
    catcher.behave("defer")
    web.say("CRITICAL")
    [before] = wait_outbox(setup, 1, attempts=1)
    clock.step(hours)
    d.wait_log(f"the clock was set {said}")
    [after] = outbox(setup)
    step = datetime.timedelta(hours=hours)
    for key in ("next_try", "queued"):
        assert abs(at(after[key]) - at(before[key]) - step) < datetime.timedelta(seconds=1), (key, before, after)
    assert after["attempts"] == 1
    # Looks go on as before, and their times are those of the new clock.
    for _ in range(3):
        last = setup.item("web")["last_look"]
        wait_until(lambda: setup.item("web")["last_look"] != last, "the next look", timeout=30)
        assert abs(at(setup.item("web")["last_look"]) - clock.now()) < datetime.timedelta(minutes=1)
    assert outbox(setup)[0]["attempts"] == 1, "it was tried for no reason"
    catcher.behave("accept")
    mail = catcher.wait("CRITICAL .*web", after=1, timeout=100)  # a minute after the first attempt, whatever the clock says
    assert "This mail is late" not in words(mail)
    web.say("OK")
    the_next(catcher, 2, "RECOVERED .*web")
    is_quiet(catcher)


@pytest.mark.parametrize("hours", [30, -30])
def test_a_silence_and_an_acknowledgement_last_as_long_as_before(clock, setup, catcher, probes, hours):
    web, disk = probes("web"), probes("disk")
    setup.sections["alert"]["remind_critical"] = "20h"
    d = begin(clock, setup, catcher, web.check(), disk.check())
    assert setup.tocsin("silence", "disk", "2h", "-m", "new disks").returncode == 0
    web.say("CRITICAL")
    the_next(catcher, 1, "CRITICAL .*web")
    incident = setup.item("web")["incident"]
    assert setup.tocsin("ack", str(incident), "--until", "2h").returncode == 0
    clock.step(hours)
    disk.say("CRITICAL")
    setup.wait_item("disk", state="CRITICAL")
    [silence] = setup.status()["silences"]
    left = at(silence["until"]) - clock.now()
    assert datetime.timedelta(hours=1.5) < left < datetime.timedelta(hours=2.1), silence
    assert setup.item("web")["acknowledged"], "it lasts for two hours more"
    is_quiet(catcher)  # and no reminder: the problem is as old as before
    d.stop()
    clock.daemon()
    setup.wait_item("disk", state="CRITICAL")
    is_quiet(catcher)  # nothing was down, or did not end in order


def test_what_a_check_remembers_is_as_old_as_before(clock, setup, catcher, victim):
    d = begin(clock, setup, catcher, victim.check(interval="1h"))
    clock.step(3)
    d.stop()
    age = clock.now().timestamp() * 10**6 - int(value(setup, "SELECT min(time_usec) FROM memory"))
    assert -HOUR / 4 < age < HOUR / 4, age


def test_windows_right_after_a_step(clock, setup, catcher, probes):
    web, disk = probes("web"), probes("disk")
    now = clock.now()
    quiet = "-".join(f"{(now.hour + h) % 24:02}:00" for h in (-1, 3))
    begin(clock, setup, catcher, web.check(quiet_hours=quiet), disk.check(maintenance=quiet))
    web.say("WARNING")
    disk.say("CRITICAL")
    setup.wait_item("web", state="WARNING")
    setup.wait_item("disk", state="CRITICAL")
    is_quiet(catcher)
    clock.step(12)  # both windows are over
    told = catcher.wait("2 problems|disk|web", after=1, timeout=20)
    wait_until(lambda: all(any(name in m.text for m in catcher.mails[1:]) for name in ("web", "disk")), "both to be told")
    wait_until(lambda: not outbox(setup), "an empty outbox")
    n = len(catcher.mails)
    clock.step(-12)  # they are not
    web.say("OK")
    disk.say("OK")
    setup.wait_item("web", state="OK")
    setup.wait_item("disk", state="OK")
    is_quiet(catcher)
    clock.step(12)
    wait_until(lambda: len(catcher.mails) > n, "the recoveries", timeout=20)
    assert all("RECOVERED" in s or "recovered" in s for s in subjects(catcher, n)), (told.subject, subjects(catcher, n))


def test_a_report_comes_neither_twice_nor_never(clock, setup, catcher, probes):
    d = begin(clock, setup, catcher, probes("web").check())

    def reports(n):
        wait_until(lambda: len(catcher.mails) == 1 + n, f"{n} reports", timeout=20)
        is_quiet(catcher)
        assert all(" status OK " in s for s in subjects(catcher, 1)), subjects(catcher)

    clock.step(25)
    reports(1)
    clock.step(-1)  # a little: the report of that time is sent
    clock.step(1)
    reports(1)
    clock.step(-25)  # the time of the last report has not been yet
    reports(1)
    d.stop()
    d = clock.daemon()
    setup.wait_item("web", state="OK")
    reports(1)
    clock.step(23)
    reports(1)
    clock.step(2)
    reports(2)
